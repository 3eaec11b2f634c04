import type { Clock, Timer } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { STALL_AFTER } from '../limits.ts';
import { DataThread } from './data-thread.ts';
import type { ProgramReport } from './messages.ts';
import { RestartPace } from './restart-pace.ts';

/** How often the heartbeats are read, milliseconds. */
const WATCH_INTERVAL = 250;

export interface DataThreadsOptions<Start> {
  /** How many. */
  readonly count: number;
  /** Compiled module of a thread. */
  readonly module: URL;
  /** What the program adds to what a thread is started with; asked for each. */
  readonly start: () => Start;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Who feeds the threads. */
export interface DataThreadsOwner<Command, Report, Start> {
  /** Everything that a new thread has to know to serve like the others. */
  readonly state: () => Iterable<Command>;
  readonly onReport: (thread: number, report: Report) => void;
  /** Called when a thread has died or stalled and before its successor starts. */
  readonly onReplaced: (thread: number, reason: string) => void;
  /**
   * What of an ended thread, known by what it was started with, can be saved: descriptors that stay open, and what to tell
   * the successor of them. Default: nothing.
   */
  readonly salvage?: (start: Start) => { readonly spared: readonly number[]; readonly resume: Iterable<Command> };
}

/**
 * The data threads of this process: starts them, speaks to all of them, and replaces one that died or stalled.
 * Listeners belong to the control side, so that connections wait in their queues while a thread is replaced.
 */
export class DataThreads<Command, Report extends ProgramReport, Start> {
  /** Threads may start before there is one: they then know nothing, and serve nothing, until they are told. */
  owner: DataThreadsOwner<Command, Report, Start> = {
    state: () => [],
    onReport: () => undefined,
    onReplaced: () => undefined,
  };

  readonly #options: DataThreadsOptions<Start>;
  readonly #threads: DataThread<Command, Report, Start>[] = [];
  readonly #awaiting = new Set<{ generation: number; resolve: (value: undefined) => void }>();
  #ticket = 0;
  #watch: Timer | undefined;
  #stopping = false;
  /** Threads that were ended because they stalled. */
  readonly #cut = new WeakSet<DataThread<Command, Report, Start>>();
  readonly #pace = new RestartPace();

  constructor(options: DataThreadsOptions<Start>) {
    this.#options = options;
  }

  /**
   * Starts the threads: the first alone, because on a small machine several that load their modules at once would all be
   * late, then the others. Resolves when the first turns its loop: from then on connections are served.
   */
  async start(): Promise<void> {
    await this.#spawn(0).ready;
    if (this.#stopping) return;
    for (let index = 1; index < this.#options.count; index += 1) this.#spawn(index);
    this.#scheduleWatch();
  }

  /** Tells every thread. */
  broadcast(command: Command): void {
    for (const thread of this.#threads) thread.send(command);
  }

  /**
   * Asks every thread and resolves with their answers. A thread that dies meanwhile has no answer: its successor
   * starts from the state of the control side, in which the command is already reflected.
   */
  async ask(command: (ticket: number) => Command): Promise<Report[]> {
    return (await this.askEach(command)).map(({ report }) => report);
  }

  /** As `ask`, with the thread that each answer is from. */
  async askEach(command: (ticket: number) => Command): Promise<{ thread: number; report: Report }[]> {
    const answers = await Promise.all(
      this.#threads.map(async (data, thread) => {
        const ticket = ++this.#ticket;
        return { thread, report: await data.ask(ticket, command(ticket)) };
      }),
    );
    return answers.flatMap(({ thread, report }) => (report === undefined ? [] : [{ thread, report }]));
  }

  /** Milliseconds since each thread last turned its loop. */
  heartbeatAges(): number[] {
    return this.#threads.map((thread) => thread.heartbeatAge());
  }

  /** Resolves when every thread works by the resources of this generation or a later one. */
  async applied(generation: number): Promise<void> {
    if (this.#threads.every((thread) => thread.applied >= generation)) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#awaiting.add({ generation, resolve });
    await promise;
  }

  /** Ends a thread as a crash would. A fault for tests. */
  terminate(index: number): void {
    void this.#threads[index]?.terminate();
  }

  /** Tells one thread. */
  tell(index: number, command: Command): void {
    this.#threads[index]?.send(command);
  }

  get count(): number {
    return this.#threads.length;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#watch?.cancel();
    for (const thread of this.#threads) thread.stop();
    await Promise.all(this.#threads.map((thread) => thread.ended));
  }

  #spawn(index: number): DataThread<Command, Report, Start> {
    const thread = new DataThread<Command, Report, Start>({
      index,
      clock: this.#options.clock,
      module: this.#options.module,
      start: this.#options.start(),
      onReport: (report) => {
        if (report.kind === 'applied') this.#settleApplied();
        this.owner.onReport(index, report);
      },
    });
    this.#threads[index] = thread;
    for (const command of this.owner.state()) thread.send(command);
    const startedAt = this.#options.clock.now();
    void thread.ended.then((reason) => {
      this.#replace(index, thread, startedAt, reason);
    });
    return thread;
  }

  #settleApplied(): void {
    const lowest = Math.min(...this.#threads.map((thread) => thread.applied));
    for (const waiting of this.#awaiting) {
      if (waiting.generation > lowest) continue;
      this.#awaiting.delete(waiting);
      waiting.resolve(undefined);
    }
  }

  #scheduleWatch(): void {
    const due = this.#options.clock.now() + WATCH_INTERVAL;
    this.#watch = this.#options.clock.setTimeout(
      () => {
        // A watcher that was itself kept from running (a paused machine, a throttled process) cannot judge others.
        const paused = this.#options.clock.now() - due > WATCH_INTERVAL;
        for (const [index, thread] of this.#threads.entries()) {
          if (paused) thread.excuse();
          else if (thread.heartbeatAge() > STALL_AFTER) void this.#cutStalled(index, thread);
        }
        if (!this.#stopping) this.#scheduleWatch();
      },
      WATCH_INTERVAL,
      { background: true },
    );
  }

  async #cutStalled(index: number, thread: DataThread<Command, Report, Start>): Promise<void> {
    if (this.#cut.has(thread)) return;
    this.#cut.add(thread);
    this.#options.log.error(
      { thread: index, milliseconds: Math.round(thread.heartbeatAge()) },
      'a data thread does not turn its loop and is ended',
    );
    await thread.terminate();
  }

  #replace(index: number, thread: DataThread<Command, Report, Start>, startedAt: number, reason: string): void {
    if (this.#stopping || this.#threads[index] !== thread) return;
    const { spared, resume } = this.owner.salvage?.(thread.start) ?? { spared: [], resume: [] };
    const closed = thread.reclaim(spared);
    const pause = this.#pace.pauseAfter(startedAt, this.#options.clock.now());
    this.#options.log.error(
      { thread: index, reason, closed, saved: spared.length, pause },
      'a data thread is replaced; what it left open was closed',
    );
    this.owner.onReplaced(index, this.#cut.has(thread) ? 'stalled' : 'ended');
    const spawn = (): void => {
      if (this.#stopping) return;
      const successor = this.#spawn(index);
      for (const command of resume) successor.send(command);
    };
    if (pause === 0) spawn();
    else this.#options.clock.setTimeout(spawn, pause);
  }
}
