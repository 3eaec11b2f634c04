import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { Version, WorkloadRequestSchema, WorkloadResponseSchema, ZdsHelloSchema } from '@ambit/proto/zds';
import { MAX_ERROR_CHARACTERS, MAX_PACKET_BYTES } from './limits.ts';

/** Whose pod it is; part of the pod's identity. */
export interface PodInfo {
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** What the agent tells a proxy. With `add` comes the descriptor of the pod's network namespace. */
export type ZdsRequest =
  | {
      readonly kind: 'add';
      readonly uid: string;
      readonly info: PodInfo | undefined;
      /** Plaintext that comes to the pod is redirected by now. Other implementations neither send nor read it. */
      readonly plaintextRedirected: boolean;
    }
  | { readonly kind: 'keep'; readonly uid: string }
  | { readonly kind: 'remove'; readonly uid: string }
  | { readonly kind: 'snapshotSent' };

/** What a proxy tells the agent. */
export type ZdsResponse =
  /** `error`: what went wrong; empty for success. */
  | { readonly kind: 'ack'; readonly error: string }
  /** Connections of a pod that had passed the proxy by were reset. Answers nothing; other implementations do not know it. */
  | { readonly kind: 'connectionsReset'; readonly uid: string; readonly message: string };

/** The proxy's first packet. */
export function encodeHello(): Uint8Array {
  return toBinary(ZdsHelloSchema, create(ZdsHelloSchema, { version: Version.V1 }));
}

/** Throws `AMBIT_ZDS_PROTOCOL` unless the packet greets in the version that we speak. */
export function checkHello(packet: Uint8Array): void {
  const { version } = decode('greeting', () => fromBinary(ZdsHelloSchema, packet));
  if (version !== Version.V1) throw protocolError(`the proxy speaks version ${version} of ZDS, only 1 is known`);
}

/** Throws `AMBIT_ZDS_TOO_LONG` when the names do not fit into a packet. */
export function encodeRequest(request: ZdsRequest): Uint8Array {
  const packet = toBinary(WorkloadRequestSchema, create(WorkloadRequestSchema, { payload: payloadOf(request) }));
  if (packet.length > MAX_PACKET_BYTES) {
    throw new AmbitError(
      'AMBIT_ZDS_TOO_LONG',
      `a ZDS message of ${packet.length} bytes is over the limit of ${MAX_PACKET_BYTES}`,
    );
  }
  return packet;
}

/** Throws `AMBIT_ZDS_PROTOCOL` for anything but a known request. */
export function decodeRequest(packet: Uint8Array): ZdsRequest {
  const { payload } = decode('request', () => fromBinary(WorkloadRequestSchema, packet));
  switch (payload.case) {
    case 'add': {
      const { uid, workloadInfo, plaintextRedirected } = payload.value;
      const info = workloadInfo && {
        name: workloadInfo.name,
        namespace: workloadInfo.namespace,
        serviceAccount: workloadInfo.serviceAccount,
      };
      return { kind: 'add', uid: named(uid), info, plaintextRedirected };
    }
    case 'keep':
      return { kind: 'keep', uid: named(payload.value.uid) };
    case 'del':
      return { kind: 'remove', uid: named(payload.value.uid) };
    case 'snapshotSent':
      return { kind: 'snapshotSent' };
    case undefined:
      throw protocolError('the agent sent a request of a kind that is not known');
  }
}

/** @param error what went wrong; empty for success. Cut to what fits. */
export function encodeAck(error: string): Uint8Array {
  return toBinary(
    WorkloadResponseSchema,
    create(WorkloadResponseSchema, {
      payload: { case: 'ack', value: { error: error.slice(0, MAX_ERROR_CHARACTERS) } },
    }),
  );
}

/** @param message cut to what fits. */
export function encodeConnectionsReset(uid: string, message: string): Uint8Array {
  const value = { uid, message: message.slice(0, MAX_ERROR_CHARACTERS) };
  const payload = { case: 'connectionsReset', value } as const;
  return toBinary(WorkloadResponseSchema, create(WorkloadResponseSchema, { payload }));
}

/** Throws `AMBIT_ZDS_PROTOCOL` for anything but a known response. */
export function decodeResponse(packet: Uint8Array): ZdsResponse {
  const { payload } = decode('answer', () => fromBinary(WorkloadResponseSchema, packet));
  switch (payload.case) {
    case 'ack':
      return { kind: 'ack', error: payload.value.error };
    case 'connectionsReset':
      return { kind: 'connectionsReset', uid: payload.value.uid, message: payload.value.message };
    case undefined:
      throw protocolError('the proxy sent an answer that is no acknowledgement');
  }
}

export function protocolError(message: string, cause?: unknown): AmbitError {
  return new AmbitError('AMBIT_ZDS_PROTOCOL', message, { source: 'peer', retryable: true, cause });
}

function payloadOf(request: ZdsRequest): MessageInitShape<typeof WorkloadRequestSchema>['payload'] & object {
  switch (request.kind) {
    case 'add':
      return {
        case: 'add',
        value: {
          uid: request.uid,
          plaintextRedirected: request.plaintextRedirected,
          ...(request.info && { workloadInfo: request.info }),
        },
      };
    case 'keep':
      return { case: 'keep', value: { uid: request.uid } };
    case 'remove':
      return { case: 'del', value: { uid: request.uid } };
    case 'snapshotSent':
      return { case: 'snapshotSent', value: {} };
  }
}

function named(uid: string): string {
  if (uid === '') throw protocolError('the agent named a pod by an empty uid');
  return uid;
}

function decode<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw protocolError(`a ZDS ${what} cannot be decoded: ${messageOf(error)}`, error);
  }
}
