import { create, type JsonObject } from '@bufbuild/protobuf';
import type { Clock, Timer } from '@ambit/core/clock';
import type { ControlPlane } from '@ambit/core/control-plane';
import type { Drainable } from '@ambit/core/drain';
import { AmbitError } from '@ambit/core/errors';
import { type DeltaDiscoveryResponse, type Node, NodeSchema } from '@ambit/proto/discovery';
import { status } from '@grpc/grpc-js';
import { type DeltaRequest, DeltaStream } from './delta-stream.ts';
import { REJECTION_MAX_CHARACTERS, RESYNC_MS } from './limits.ts';
import { reconnectDelay } from './reconnect-delay.ts';
import type { RejectedResource, ResourceUpdate, XdsResource } from './resource.ts';

/** Versions by resource name. */
export type HeldVersions = ReadonlyMap<string, string>;

export interface DeltaClientOptions {
  readonly controlPlane: ControlPlane;
  readonly node: {
    /** E.g. `ztunnel~<ip>~<pod>.<namespace>~<namespace>.svc.cluster.local`. */
    readonly id: string;
    readonly metadata: JsonObject;
  };
  /** Every resource of these types is wanted; subscribed in this order. */
  readonly typeUrls: readonly string[];
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /**
   * Takes an update over; called one at a time. It is acknowledged when the promise resolves, without the resources that
   * are named in it. A rejection ends the stream: nothing of the update counts, and the next stream brings it again.
   */
  readonly apply: (update: ResourceUpdate) => Promise<readonly RejectedResource[]>;
  /** Called synchronously; must not throw. */
  readonly onEvent: (event: DeltaClientEvent) => void;
  /** What the owner holds already, from a former process, by type. Only differences to it will come. Default nothing. */
  readonly held?: ReadonlyMap<string, HeldVersions>;
  /** A new stream is started after this time (ms), less up to a tenth, to repair what was lost. 0: never. Default 1 h. */
  readonly resyncMs?: number;
}

/**
 * `synced` comes once in the life of a client, when every type has had a first response that was applied.
 * `disconnected` without error: the server, or a resync, ended the stream in order.
 */
export type DeltaClientEvent =
  | { readonly kind: 'connected' }
  | { readonly kind: 'synced' }
  | { readonly kind: 'rejected'; readonly typeUrl: string; readonly rejected: readonly RejectedResource[] }
  | { readonly kind: 'disconnected'; readonly error: AmbitError | undefined; readonly retryInMs: number };

/**
 * Keeps one delta ADS stream to the control plane, for ever: wildcard subscriptions, acknowledgement after the owner has
 * applied, and on every reconnect only the differences to what the owner holds. Runs on the main thread.
 */
export class DeltaClient implements Drainable {
  readonly #options: DeltaClientOptions;
  readonly #node: Node;
  readonly #held: Map<string, Map<string, string>>;
  readonly #synced = new Set<string>();
  #answered = new Set<string>();
  #stream: DeltaStream | undefined;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #connected = false;
  #closed = false;

  constructor(options: DeltaClientOptions) {
    this.#options = options;
    this.#node = create(NodeSchema, { id: options.node.id, metadata: options.node.metadata });
    this.#held = new Map(options.typeUrls.map((typeUrl) => [typeUrl, new Map(options.held?.get(typeUrl) ?? [])]));
  }

  /** Whether a stream is open. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Whether every type has had its first response, since `start`. */
  get synced(): boolean {
    return this.#options.typeUrls.every((typeUrl) => this.#synced.has(typeUrl));
  }

  /** What the server would be told to be held, by name; for saving beside the resources. */
  held(typeUrl: string): HeldVersions {
    return this.#held.get(typeUrl) ?? new Map();
  }

  /**
   * Asks for all resources of a further type, from now on and in every stream to come; a second call does nothing. `synced` never
   * waits for it. For types that an older server does not serve: it would end the stream.
   */
  ask(typeUrl: string): void {
    if (this.#held.has(typeUrl)) return;
    this.#held.set(typeUrl, new Map(this.#options.held?.get(typeUrl) ?? []));
    this.#stream?.send(this.#subscription(typeUrl, false));
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the stream after the update under way is applied and acknowledged; after `deadline` ms cuts it. */
  async close({ deadline }: { deadline: number }): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    this.#stream?.end();
    if (this.#running === undefined) return;
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#options.clock.setTimeout(() => {
        this.destroy();
        resolve();
      }, deadline);
    });
    await Promise.race([this.#running, late]);
    timer?.cancel();
  }

  destroy(error?: Error): void {
    this.#closed = true;
    this.#wake?.();
    this.#stream?.cut(new AmbitError('AMBIT_XDS_CLOSED', 'the xDS client is closed', { cause: error }));
  }

  async #run(): Promise<void> {
    let fruitless = 0;
    while (!this.#isClosed()) {
      this.#answered = new Set();
      const stream = new DeltaStream({
        controlPlane: this.#options.controlPlane,
        clock: this.#options.clock,
        requests: () => [...this.#held.keys()].map((typeUrl, index) => this.#subscription(typeUrl, index === 0)),
        onResponse: (response) => this.#respond(response),
        onConnected: () => {
          this.#connected = true;
          this.#options.onEvent({ kind: 'connected' });
        },
      });
      this.#stream = stream;
      const resync = this.#resyncTimer(stream);
      const error = await stream.run();
      resync?.cancel();
      this.#stream = undefined;
      this.#connected = false;
      if (this.#isClosed()) return;
      const isServed = this.#options.typeUrls.every((typeUrl) => this.#answered.has(typeUrl));
      fruitless = isServed ? 0 : fruitless + 1;
      const retryInMs = reconnectDelay(fruitless, error === undefined, this.#options.random());
      this.#options.onEvent({ kind: 'disconnected', error, retryInMs });
      if (retryInMs > 0) await this.#pause(retryInMs);
    }
  }

  #subscription(typeUrl: string, first: boolean): DeltaRequest {
    return {
      typeUrl,
      initialResourceVersions: Object.fromEntries(this.held(typeUrl)),
      ...(first ? { node: this.#node } : {}),
    };
  }

  async #respond(response: DeltaDiscoveryResponse): Promise<DeltaRequest> {
    const { typeUrl, nonce } = response;
    const held = this.#held.get(typeUrl);
    if (held === undefined)
      return refusal(typeUrl, nonce, [{ name: typeUrl, reason: 'not a type that was asked for' }]);
    const { resources, rejected } = readResources(response);
    const first = !this.#answered.has(typeUrl);
    if (first || resources.length > 0 || response.removedResources.length > 0) {
      const update: ResourceUpdate = { typeUrl, resources, removed: response.removedResources, first };
      rejected.push(...(await this.#options.apply(update)));
    }
    const refused = new Set(rejected.map(({ name }) => name));
    // A rejected resource keeps its former version here, so that a new stream brings it again.
    for (const { name, version } of resources) if (!refused.has(name)) held.set(name, version);
    for (const name of response.removedResources) held.delete(name);
    this.#answered.add(typeUrl);
    this.#noteSynced(typeUrl);
    if (rejected.length === 0) return { typeUrl, responseNonce: nonce };
    this.#options.onEvent({ kind: 'rejected', typeUrl, rejected });
    return refusal(typeUrl, nonce, rejected);
  }

  #noteSynced(typeUrl: string): void {
    if (this.#synced.has(typeUrl)) return;
    this.#synced.add(typeUrl);
    // Not once more by a type that was asked for later.
    if (this.#options.typeUrls.includes(typeUrl) && this.synced) this.#options.onEvent({ kind: 'synced' });
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  #resyncTimer(stream: DeltaStream): Timer | undefined {
    const resyncMs = this.#options.resyncMs ?? RESYNC_MS;
    if (resyncMs === 0) return undefined;
    const delay = resyncMs * (1 - 0.1 * this.#options.random());
    return this.#options.clock.setTimeout(() => stream.end(), delay, { background: true });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        this.#wake = undefined;
        resolve();
      };
      const timer = this.#options.clock.setTimeout(wake, ms);
      this.#wake = wake;
    });
  }
}

/** What can be handed to the owner, and what is no resource of the response's type. */
function readResources(response: DeltaDiscoveryResponse): { resources: XdsResource[]; rejected: RejectedResource[] } {
  const resources: XdsResource[] = [];
  const rejected: RejectedResource[] = [];
  for (const { name, version, aliases, resource } of response.resources) {
    if (resource === undefined) rejected.push({ name, reason: 'it has no content' });
    else if (resource.typeUrl !== response.typeUrl) rejected.push({ name, reason: `it is a ${resource.typeUrl}` });
    else if (name === '') rejected.push({ name, reason: 'it has no name' });
    else resources.push({ name, version, aliases, bytes: resource.value });
  }
  return { resources, rejected };
}

function refusal(typeUrl: string, responseNonce: string, rejected: readonly RejectedResource[]): DeltaRequest {
  const message = rejected.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  const errorDetail = { code: status.INVALID_ARGUMENT, message: message.slice(0, REJECTION_MAX_CHARACTERS) };
  return { typeUrl, responseNonce, errorDetail };
}
