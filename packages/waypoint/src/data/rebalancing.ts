import type { MeshStore } from '@ambit/mesh/mesh-store';
import type { Workload } from '@ambit/mesh/workload';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import type { DataThreadContext } from './context.ts';
import type { ServedConnection } from './served-connection.ts';

/**
 * When the waypoint gets more pods, clients that keep their connections (HTTP/2, gRPC) would go on with the old ones for ever. Each
 * data thread then asks as many of its clients to come again, the oldest first, as it has more than its share among all pods: by
 * GOAWAY or `connection: close`, which costs no request. Some come back here, and others are asked in their place, but none that
 * came after the new pods. What clients do is up to them: whoever comes again is sent to any pod by its node proxy.
 */
export class Rebalancing {
  readonly #thread: DataThreadContext;
  readonly #own: () => Workload | undefined;
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

  /** `own`: the waypoint's pod. */
  constructor(thread: DataThreadContext, own: () => Workload | undefined) {
    this.#thread = thread;
    this.#own = own;
    this.#perSecond = thread.config.rebalanceRate / thread.config.dataThreads;
  }

  /** Call when the mesh may have changed. */
  look(): void {
    const { config, store, connections, choice, reactor } = this.#thread;
    if (store.generation === this.#generation || this.#perSecond === 0) return;
    this.#generation = store.generation;
    const own = this.#own();
    if (own === undefined) return;
    const [before, pods] = [this.#pods, readyReplicas(store, own)];
    this.#pods = pods;
    if (pods < before) this.stop();
    if (before === 0 || pods <= before) return;
    const had = this.#timer === undefined ? this.#staying() : this.#share;
    this.#share = (had * before) / pods;
    this.#candidates = [...connections].values();
    this.#pause = Math.max(config.rebalanceDuration / Math.max(1, had - this.#share), 1_000 / this.#perSecond);
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

/** The pods of the same Deployment that a Service leads to. Of several Services the one with the fewest endpoints is the Gateway's. */
function readyReplicas(store: MeshStore, own: Workload): number {
  const sets = [...own.services.keys()].flatMap((key) => store.endpoints(key) ?? []).sort((a, b) => a.size - b.size);
  let ready = 0;
  for (const { model } of sets[0]?.members() ?? []) {
    const isReplica = model.namespace === own.namespace && model.workloadName === own.workloadName;
    if (isReplica && model.healthy) ready++;
  }
  return ready;
}
