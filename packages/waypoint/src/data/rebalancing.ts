import type { Client } from '@ambit/mesh/client';
import type { MeshStore } from '@ambit/mesh/mesh-store';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import type { DataThreadContext } from './context.ts';
import type { ServedConnection } from './served-connection.ts';

/** Of waypoints, and of their Services. */
const HBONE_PORT = 15_008;

/**
 * When the waypoint gets more pods, clients that keep their connections (HTTP/2, gRPC) would go on with the old ones for ever. Each
 * data thread then asks as many of its clients to come again, the oldest first, as it has more than its share among all pods: by
 * GOAWAY or `connection: close`, which costs no request. Some come back here, and others are asked in their place, but none that
 * came after the new pods. What clients do is up to them: whoever comes again is sent to any pod by its node proxy.
 */
export class Rebalancing {
  readonly #thread: DataThreadContext;
  readonly #own: () => Client;
  /** Connections that this thread asks at most; 0: none. */
  readonly #perSecond: number;
  #generation = -1;
  #pods = 0;
  /** Connections from before the new pods, oldest first. */
  #candidates: Iterator<ServedConnection> | undefined;
  /** How many connections this thread should have. */
  #share = 0;
  /** Asked, and not gone yet: what is under way in them goes on. */
  readonly #asked = new Set<ServedConnection>();
  /** Between two, milliseconds. */
  #pause = 0;
  #timer: ReactorTimer | undefined;

  /** `own`: the waypoint's pod, from whose place others are counted. */
  constructor(thread: DataThreadContext, own: () => Client) {
    this.#thread = thread;
    this.#own = own;
    this.#perSecond = thread.config.rebalanceRate / thread.config.dataThreads;
  }

  /** Call when the mesh may have changed. */
  look(): void {
    const { config, store, connections, choice, reactor } = this.#thread;
    if (store.generation === this.#generation || this.#perSecond === 0) return;
    this.#generation = store.generation;
    const [before, pods] = [this.#pods, readyReplicas(store, this.#own())];
    this.#pods = pods;
    if (pods < before) this.stop();
    if (before === 0 || pods <= before) return;
    const had = this.#timer === undefined ? this.#staying() : this.#share;
    this.#share = (had * before) / pods;
    this.#candidates = [...connections].values();
    this.#pause = Math.max(
      config.rebalanceDuration / Math.max(1, this.#staying() - this.#share),
      1_000 / this.#perSecond,
    );
    // One connection more or less is a matter of chance, so that few on each of many threads are shared too.
    this.#share = Math.floor(this.#share) + (choice.random() < this.#share % 1 ? 1 : 0);
    this.#timer?.cancel();
    // Who comes again too early is sent to the old pods: its node proxy does not know the others.
    this.#timer = reactor.after(config.rebalanceDelay * (1 + choice.random()), () => {
      this.#step();
    });
  }

  /** Asks nobody any more. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#candidates = undefined;
  }

  #step(): void {
    const { reactor, choice, metrics } = this.#thread;
    const next = this.#staying() > this.#share ? this.#next() : undefined;
    if (next === undefined) {
      this.stop();
      return;
    }
    this.#asked.add(next);
    metrics.rebalanced();
    next.drain();
    this.#timer = reactor.after(this.#pause * (0.5 + choice.random()), () => {
      this.#step();
    });
  }

  #next(): ServedConnection | undefined {
    const { connections } = this.#thread;
    for (;;) {
      const next = this.#candidates?.next();
      if (next === undefined || next.done === true) return undefined;
      if (connections.has(next.value) && !this.#asked.has(next.value)) return next.value;
    }
  }

  /** How many connections are here and were not asked to go. */
  #staying(): number {
    const { connections } = this.#thread;
    for (const asked of this.#asked) if (!connections.has(asked)) this.#asked.delete(asked);
    return connections.size - this.#asked.size;
  }
}

/**
 * The pods of the same Deployment to which clients near this one are sent. Of several Services that lead to it, the one with the
 * fewest endpoints is the Gateway's. 0 while that is not known.
 */
function readyReplicas(store: MeshStore, own: Client): number {
  const { workload } = own;
  if (workload === undefined) return 0;
  const sets = [...workload.services.keys()].flatMap((key) => store.endpoints(key) ?? []);
  const [set] = sets.sort((a, b) => a.size - b.size);
  const service = set === undefined ? undefined : store.services.byKey(set.serviceKey)?.model;
  if (set === undefined || service === undefined) return 0;
  const [nearest] = set.candidates(service, HBONE_PORT, 'waypoint', own);
  const { namespace, workloadName } = workload;
  const replicas = (nearest?.endpoints ?? []).filter(
    ({ workload: other }) => other.namespace === namespace && other.workloadName === workloadName,
  );
  return replicas.length;
}
