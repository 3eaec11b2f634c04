import { AmbitError, messageOf } from '@ambit/core/errors';
import { close as closeDescriptor } from '@ambit/native/descriptor';
import { APPLY_BUDGET, APPLY_BUDGET_ALONE } from '../limits.ts';
import type { Command, LiveConnection, Pod, Report } from '../messages.ts';
import type { DataThreadContext } from './context.ts';
import { ServedPod } from './served-pod.ts';

/** How often a pod that is on its way out is looked at, milliseconds. */
const FAREWELL_INTERVAL = 100;

/** The pods that one data thread serves, and what the control side tells about them and about the mesh. */
export class DataPlane {
  readonly #thread: DataThreadContext;
  /** By `Pod.number`. */
  readonly #pods = new Map<number, ServedPod>();
  /** Pods that take nothing new and end with their last connection. */
  readonly #leaving = new Set<ServedPod>();
  /** What waits for the mesh to be whole. */
  readonly #held: (() => void)[] = [];
  #applying = false;
  #reported = 0;
  readonly #now: () => number;

  constructor(thread: DataThreadContext) {
    this.#thread = thread;
    this.#now = thread.clockNow;
  }

  /** Connections, of applications and of peers. */
  get load(): number {
    let load = 0;
    for (const pods of [this.#pods.values(), this.#leaving]) for (const pod of pods) load += pod.load;
    return load;
  }

  handle(command: Command): void {
    switch (command.kind) {
      case 'resources':
        this.#thread.store.enqueue(command.batch);
        this.#applyResources();
        return;
      case 'certificate':
        this.#thread.credentials.install(command.certificate);
        return;
      case 'forget-certificate':
        this.#thread.credentials.forget(command.identity);
        return;
      case 'add-pod':
        this.#whenMeshIsWhole(() => {
          this.#answer(command.ticket, () => {
            this.#add(command.pod);
          });
        });
        return;
      case 'remove-pod':
        this.#whenMeshIsWhole(() => {
          this.#answer(command.ticket, () => {
            this.#remove(command.number, command.deadline);
          });
        });
        return;
      case 'resume':
        this.#whenMeshIsWhole(() => {
          this.#resume(command);
        });
        return;
      case 'drain':
        this.#drain(command.deadline, command.ticket);
        return;
      case 'scrape':
        this.#thread.accessLog.flush();
        this.#post({ kind: 'scraped', ticket: command.ticket, counters: this.#thread.metrics.snapshot() });
        return;
      case 'connections':
        this.#post({ kind: 'listed', ticket: command.ticket, connections: this.#connections() });
        return;
      case 'stall':
        stall(command.milliseconds, this.#now);
        return;
    }
  }

  /**
   * A first pod must find the whole mesh: half of it would refuse connections. So what concerns pods waits, in its order,
   * while resources are applied to a thread that has no pod.
   */
  #whenMeshIsWhole(run: () => void): void {
    if (this.#applying && this.#pods.size === 0) this.#held.push(run);
    else run();
  }

  #add(pod: Pod): void {
    // The successor of a thread is told of a pod by the state and by whoever is adding it at this moment.
    if (this.#pods.has(pod.number)) return;
    const served = new ServedPod(this.#thread, pod);
    this.#pods.set(pod.number, served);
    served.noticeReadiness();
  }

  #resume({ fd, pod: number, acceptedAt }: Extract<Command, { kind: 'resume' }>): void {
    const pod = this.#pods.get(number);
    if (pod === undefined) closeDescriptor(fd);
    else pod.resume(fd, acceptedAt);
  }

  /** Lets a pod end by itself, or by force when its time is up. */
  #remove(number: number, deadline: number | undefined): void {
    const pod = this.#pods.get(number);
    if (pod === undefined) return;
    this.#pods.delete(number);
    const { reactor } = this.#thread;
    const end = deadline === undefined ? Number.POSITIVE_INFINITY : reactor.now + deadline;
    this.#leaving.add(pod);
    pod.close();
    const look = (): void => {
      if (!this.#leaving.has(pod)) return;
      if (!pod.idle && reactor.now < end) reactor.after(FAREWELL_INTERVAL, look);
      else this.#end(pod);
    };
    // Not in this turn: what `close` has to say to peers leaves at its end.
    reactor.after(FAREWELL_INTERVAL, look);
  }

  #end(pod: ServedPod): void {
    this.#leaving.delete(pod);
    pod.destroy(new AmbitError('AMBIT_DRAINED', 'the proxy ends and the connection was still open at the deadline'));
  }

  #drain(deadline: number, ticket: number): void {
    const { reactor } = this.#thread;
    const end = reactor.now + deadline;
    const look = (): void => {
      if (this.#leaving.size > 0 && reactor.now < end) {
        reactor.after(FAREWELL_INTERVAL, look);
        return;
      }
      for (const pod of [...this.#leaving]) this.#end(pod);
      this.#thread.accessLog.flush();
      this.#post({ kind: 'done', ticket });
    };
    look();
  }

  #applyResources(): void {
    if (this.#applying) return;
    // Without a pod nobody waits for the loop but its watcher.
    const budget = this.#pods.size === 0 ? APPLY_BUDGET_ALONE : APPLY_BUDGET;
    const more = this.#thread.store.applySlice(budget, this.#now);
    this.#react();
    if (!more) {
      for (const run of this.#held.splice(0)) run();
      return;
    }
    this.#applying = true;
    this.#thread.reactor.defer(() => {
      this.#applying = false;
      this.#applyResources();
    });
  }

  /** What lives on from earlier decisions follows the change. */
  #react(): void {
    const { store, judge, choice } = this.#thread;
    const changes = store.takeChanges();
    if (changes !== undefined) {
      judge.reconsider(changes);
      for (const uid of changes.retiredWorkloads) {
        choice.quarantine.forget(uid);
        for (const pod of [...this.#pods.values(), ...this.#leaving]) pod.pool.retireWorkload(uid);
        this.#thread.metrics.traffic.workloadRemoved(uid, this.#thread.reactor.now);
      }
    }
    if (store.generation > this.#reported) {
      this.#reported = store.generation;
      for (const pod of this.#pods.values()) pod.noticeReadiness();
      this.#post({ kind: 'applied', generation: store.generation });
    }
  }

  #connections(): Record<string, LiveConnection[]> {
    const list: Record<string, LiveConnection[]> = {};
    for (const pod of [...this.#pods.values(), ...this.#leaving]) {
      list[pod.info.uid] = [
        ...(list[pod.info.uid] ?? []),
        ...pod.transfers.list().map((transfer) => transfer.describe()),
      ];
    }
    return list;
  }

  #answer(ticket: number, run: () => void): void {
    try {
      run();
      this.#post({ kind: 'done', ticket });
    } catch (error) {
      this.#post({ kind: 'done', ticket, error: messageOf(error) });
    }
  }

  #post(report: Report): void {
    this.#thread.reactor.post(report);
  }
}

function stall(milliseconds: number, now: () => number): void {
  const end = now() + milliseconds;
  while (now() < end);
}
