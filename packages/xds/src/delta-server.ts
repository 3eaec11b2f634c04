import type { Clock, Timer } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import type { AmbitError } from '@ambit/core/errors';
import { KEEPALIVE_TIME_MS, KEEPALIVE_TIMEOUT_MS } from '@ambit/core/limits';
import { type ChannelOptions, type Server, status } from '@grpc/grpc-js';
import type { Authenticator } from './client-facts.ts';
import { ClientSession, type DiscoveryCall } from './client-session.ts';
import { encodedDiscoveryService } from './discovery-service.ts';
import {
  BYTES_IN_FLIGHT,
  GATHER_MS,
  HEARTBEAT_MS,
  REQUEST_MAX_BYTES,
  SESSION_MEMORY_MB,
  STREAMS_PER_CONNECTION,
} from './limits.ts';
import { PushSchedule } from './push-schedule.ts';
import type { ChangedNames, ResourceCache } from './resource-cache.ts';
import type { ResourceRejection } from './resource.ts';
import { SendBudget } from './send-budget.ts';

export interface DeltaServerOptions {
  readonly cache: ResourceCache;
  readonly clock: Clock;
  /** Asked once per stream, before anything is sent. */
  readonly authenticate: Authenticator;
  /** Called synchronously; must not throw. */
  readonly onEvent: (event: DeltaServerEvent) => void;
}

/**
 * `converged`: a client has taken changes, `milliseconds` after the oldest of them became known. `refused` and
 * `disconnected` with the reason; `disconnected` without error: the client left, or the server closes.
 */
export type DeltaServerEvent =
  | { readonly kind: 'connected'; readonly nodeId: string }
  | { readonly kind: 'converged'; readonly typeUrl: string; readonly milliseconds: number }
  | ({ readonly kind: 'rejected' } & ResourceRejection)
  | { readonly kind: 'refused'; readonly nodeId: string; readonly error: AmbitError }
  | { readonly kind: 'disconnected'; readonly nodeId: string; readonly error: AmbitError | undefined };

/** For the gRPC server that a DeltaServer is added to: requests of large meshes, and peers that vanish. */
export const deltaServerOptions: ChannelOptions = {
  'grpc.max_receive_message_length': REQUEST_MAX_BYTES,
  'grpc.max_send_message_length': -1,
  'grpc.max_concurrent_streams': STREAMS_PER_CONNECTION,
  'grpc-node.max_session_memory': SESSION_MEMORY_MB,
  'grpc.keepalive_time_ms': KEEPALIVE_TIME_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
};

/**
 * Serves a cache to many clients by delta ADS: each gets what it subscribed to and then the differences, the first change
 * at once and what follows gathered.
 */
export class DeltaServer implements Drainable {
  readonly #options: DeltaServerOptions;
  readonly #budget = new SendBudget(BYTES_IN_FLIGHT);
  readonly #sessions = new Set<ClientSession>();
  readonly #admitted = new Set<ClientSession>();
  readonly #schedule: PushSchedule;
  readonly #unsubscribe: () => void;
  #gathering = new Map<string, Set<string>>();
  #sweep: Timer;
  #closed = false;

  constructor(options: DeltaServerOptions) {
    this.#options = options;
    this.#schedule = new PushSchedule(options.clock, GATHER_MS, () => this.#push());
    this.#unsubscribe = options.cache.subscribe((changed) => this.#note(changed));
    this.#sweep = this.#nextSweep();
  }

  /** Names of the clients that are served, in the order of their coming. */
  clients(): string[] {
    return Array.from(this.#admitted, (session) => session.nodeId);
  }

  /** Adds the service to a gRPC server, which is best made with `deltaServerOptions`. */
  addTo(server: Server): void {
    server.addService(encodedDiscoveryService, {
      DeltaAggregatedResources: (call: DiscoveryCall) => this.#accept(call),
    });
  }

  /** Ends the streams in order, spread over half of `deadline` (ms), so that other replicas get the clients one by one. */
  close({ deadline }: { deadline: number }): Promise<void> {
    this.#stop();
    const sessions = [...this.#sessions];
    const last = sessions.map((session, index) => {
      return new Promise<void>((resolve) => {
        const finish = (): void => {
          session.finish();
          resolve();
        };
        this.#options.clock.setTimeout(finish, (deadline / 2 / sessions.length) * index);
      });
    });
    return Promise.all(last).then(() => undefined);
  }

  destroy(): void {
    this.#stop();
    for (const session of this.#sessions) session.end(status.UNAVAILABLE, 'the server stops');
  }

  #stop(): void {
    this.#closed = true;
    this.#unsubscribe();
    this.#schedule.stop();
    this.#sweep.cancel();
  }

  #accept(call: DiscoveryCall): void {
    const session = new ClientSession({
      ...this.#options,
      call,
      budget: this.#budget,
      gathering: () => this.#gathering,
      onAdmitted: (admitted) => {
        this.#admitted.add(admitted);
        this.#options.onEvent({ kind: 'connected', nodeId: admitted.nodeId });
      },
      onConverged: (typeUrl, milliseconds) => {
        this.#options.onEvent({ kind: 'converged', typeUrl, milliseconds });
      },
      onRejected: ({ nodeId }, typeUrl, message) => {
        this.#options.onEvent({ kind: 'rejected', nodeId, typeUrl, message });
      },
      onEnd: (ended, error) => this.#ended(ended, error),
    });
    this.#sessions.add(session);
    if (this.#closed) session.end(status.UNAVAILABLE, 'the server stops');
  }

  #ended(session: ClientSession, error: AmbitError | undefined): void {
    this.#sessions.delete(session);
    const { nodeId } = session;
    if (this.#admitted.delete(session)) this.#options.onEvent({ kind: 'disconnected', nodeId, error });
    else if (error !== undefined) this.#options.onEvent({ kind: 'refused', nodeId, error });
  }

  #note(changed: ChangedNames): void {
    for (const [typeUrl, names] of changed) {
      const gathered = this.#gathering.get(typeUrl);
      if (gathered === undefined) this.#gathering.set(typeUrl, new Set(names));
      else for (const name of names) gathered.add(name);
    }
    this.#schedule.changed();
  }

  #push(): void {
    const changed = this.#gathering;
    this.#gathering = new Map();
    for (const session of this.#admitted) session.push(changed);
  }

  #nextSweep(): Timer {
    return this.#options.clock.setTimeout(
      () => {
        for (const session of this.#admitted) session.sweep();
        this.#sweep = this.#nextSweep();
      },
      HEARTBEAT_MS,
      { background: true },
    );
  }
}
