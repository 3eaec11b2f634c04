/** A resource as it travels: the bytes of its `Any`, without looking inside. */
export interface XdsResource {
  readonly name: string;
  /** Opaque; equal versions mean equal bytes. */
  readonly version: string;
  /** Other names it can be asked for by. */
  readonly aliases: readonly string[];
  /** The encoded message. A view of the response's memory: copy what outlives it. */
  readonly bytes: Uint8Array;
}

/** One delta of one type, in the order in which the server sent them. */
export interface ResourceUpdate {
  readonly typeUrl: string;
  readonly resources: readonly XdsResource[];
  /** Names that are no more. */
  readonly removed: readonly string[];
  /** The first response of this type on this stream: after it, the client holds what the server had. */
  readonly first: boolean;
}

/** A resource that the owner could not apply, and why; everything else of the update counts as applied. */
export interface RejectedResource {
  readonly name: string;
  readonly reason: string;
}

/** What a client last said of one response. */
export interface ResourceRejection {
  readonly nodeId: string;
  readonly typeUrl: string;
  /** The reasons as the client wrote them. */
  readonly message: string;
}
