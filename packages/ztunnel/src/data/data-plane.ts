import { AmbitError, messageOf } from '@ambit/core/errors';
import { APPLY_BUDGET } from '../limits.ts';
import type { Command, LiveConnection, Pod, Report } from '../messages.ts';
import type { DataThreadContext } from './context.ts';
import { ServedPod } from './served-pod.ts';

/** How often a pod that is on its way out is looked at, milliseconds. */
const FAREWELL_INTERVAL = 100;

/** The pods that one data thread serves, and what the control side tells about them and about the mesh. */
export class DataPlane {
  readonly #thread: DataThreadContext;
  readonly #pods = new Map<string, ServedPod>();
  /** Pods that take nothing new and end with their last connection. */
  readonly #leaving = new Set<ServedPod>();
  #applying = false;
  #reported = 0;
  readonly #now: () => number;

  constructor(thread: DataThreadContext) {
    this.#thread = thread;
    this.#now = thread.clockNow;
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
        this.#answer(command.ticket, () => {
          this.#add(command.pod);
        });
        return;
      case 'remove-pod':
        this.#remove(command.uid, command.deadline, () => {
          this.#post({ kind: 'done', ticket: command.ticket });
        });
        return;
      case 'resume':
        this.#resume(command);
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

  #add(pod: Pod): void {
    this.#remove(pod.info.uid, undefined, () => undefined);
    this.#pods.set(pod.info.uid, new ServedPod(this.#thread, pod));
  }

  #resume({ fd, uid, acceptedAt }: Extract<Command, { kind: 'resume' }>): void {
    const { reactor } = this.#thread;
    reactor.adopt(fd);
    const pod = this.#pods.get(uid);
    if (pod === undefined) reactor.close(fd);
    else pod.resume(fd, acceptedAt);
  }

  #remove(uid: string, deadline: number | undefined, done: () => void): void {
    const pod = this.#pods.get(uid);
    if (pod === undefined) {
      done();
      return;
    }
    this.#pods.delete(uid);
    this.#leave(pod, deadline, done);
  }

  #drain(deadline: number, ticket: number): void {
    const pods = [...this.#pods.values()];
    this.#pods.clear();
    let left = pods.length + 1;
    const done = (): void => {
      left -= 1;
      if (left > 0) return;
      this.#thread.accessLog.flush();
      this.#post({ kind: 'done', ticket });
    };
    for (const pod of pods) this.#leave(pod, deadline, done);
    done();
  }

  /** Lets a pod end by itself, or by force when its time is up; `done` is called once it has. */
  #leave(pod: ServedPod, deadline: number | undefined, done: () => void): void {
    const { reactor } = this.#thread;
    const end = deadline === undefined ? Number.POSITIVE_INFINITY : reactor.now + deadline;
    this.#leaving.add(pod);
    pod.close();
    const look = (): void => {
      const late = reactor.now >= end;
      if (!pod.idle && !late) {
        reactor.after(FAREWELL_INTERVAL, look);
        return;
      }
      pod.destroy(new AmbitError('AMBIT_DRAINED', 'the proxy ends and the connection was still open at the deadline'));
      this.#leaving.delete(pod);
      done();
    };
    look();
  }

  #applyResources(): void {
    if (this.#applying) return;
    // Without a pod nobody waits, and the first pod must find the mesh whole: half of it would refuse connections.
    const budget = this.#pods.size === 0 ? Number.POSITIVE_INFINITY : APPLY_BUDGET;
    const more = this.#thread.store.applySlice(budget, this.#now);
    this.#react();
    if (!more) return;
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
        for (const pod of this.#pods.values()) pod.pool.retireWorkload(uid);
      }
    }
    if (store.generation > this.#reported) {
      this.#reported = store.generation;
      this.#post({ kind: 'applied', generation: store.generation });
    }
  }

  #connections(): Record<string, LiveConnection[]> {
    const list: Record<string, LiveConnection[]> = {};
    for (const pod of [...this.#pods.values(), ...this.#leaving]) {
      list[pod.info.uid] = [
        ...(list[pod.info.uid] ?? []),
        ...[...pod.transfers].map((transfer) => transfer.describe()),
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
