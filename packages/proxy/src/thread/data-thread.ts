import { Worker } from 'node:worker_threads';
import type { Clock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import { freeThreadsOfMainThreadLimits } from '@ambit/core/runtime-flags';
import { Ledger } from '@ambit/native/ledger';
import { LoopControl } from '@ambit/reactor/loop-channel';
import type { ProgramReport, ThreadStart } from './messages.ts';

/**
 * Heap limits of a data thread, megabytes: exhausting them ends the thread, not the process. The young generation is
 * small because a loop allocates little, and what it may grow to counts as memory of every connection.
 */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 6 };

/** What loading the modules of a thread may take on a busy machine, milliseconds. */
const START_ALLOWANCE = 10_000;

export interface DataThreadOptions<Start, Report> {
  readonly index: number;
  readonly clock: Clock;
  /** Compiled module of the thread. */
  readonly module: URL;
  /** What the program adds to what every thread is started with. */
  readonly start: Start;
  readonly onReport: (report: Report) => void;
}

/** One worker thread with the line to its loop. */
export class DataThread<Command, Report extends ProgramReport, Start> {
  /** Resolves when the thread turns its loop; also when it ends before that. */
  readonly ready: Promise<void>;
  /** Resolves with the reason when the thread has ended, for whatever reason. */
  readonly ended: Promise<string>;
  /** What the program started it with. */
  readonly start: Start;
  /** The highest generation of resources that the thread reported as applied. */
  applied = 0;

  readonly #options: DataThreadOptions<Start, Report>;
  readonly #worker: Worker;
  readonly #loop: LoopControl;
  readonly #logWritten = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #asked = new Map<number, (report: Report | undefined) => void>();
  #lastTurns = 0;
  #lastTurnAt: number;
  #turning = false;
  #over = false;

  constructor(options: DataThreadOptions<Start, Report>) {
    this.#options = options;
    this.start = options.start;
    this.#lastTurnAt = options.clock.now();
    const ready = Promise.withResolvers<undefined>();
    const ended = Promise.withResolvers<string>();
    this.ready = ready.promise;
    this.ended = ended.promise;
    this.#loop = new LoopControl((message) => {
      const report = message as Report;
      if (report.kind === 'ready') {
        this.#turning = true;
        ready.resolve(undefined);
      }
      this.#receive(report);
    });
    const start: Start & ThreadStart = {
      ...options.start,
      index: options.index,
      channel: this.#loop.channel,
      logWritten: this.#logWritten.buffer,
    };
    freeThreadsOfMainThreadLimits();
    this.#worker = new Worker(options.module, {
      workerData: start,
      transferList: [this.#loop.channel.port],
      resourceLimits: RESOURCE_LIMITS,
      name: `data-${options.index}`,
    });
    let failure: string | undefined;
    this.#worker.on('error', (error) => {
      failure = messageOf(error);
    });
    this.#worker.on('exit', (code) => {
      this.#over = true;
      for (const answer of this.#asked.values()) answer(undefined);
      this.#asked.clear();
      ready.resolve(undefined);
      ended.resolve(failure ?? `exit code ${code}`);
    });
  }

  send(command: Command): void {
    if (!this.#over) this.#loop.post(command);
  }

  /** Sends a command that carries `ticket` and resolves with its answer; undefined when the thread ends before it. */
  ask(ticket: number, command: Command): Promise<Report | undefined> {
    if (this.#over) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<Report | undefined>();
    this.#asked.set(ticket, resolve);
    this.send(command);
    return promise;
  }

  /** Milliseconds since the loop was last seen to turn; until its first turn, what it is late beyond the allowance. */
  heartbeatAge(): number {
    const turns = this.#loop.turns();
    const now = this.#options.clock.now();
    if (turns !== this.#lastTurns) {
      this.#lastTurns = turns;
      this.#lastTurnAt = now;
    }
    return Math.max(0, now - this.#lastTurnAt - (this.#turning ? 0 : START_ALLOWANCE));
  }

  /** Lets the loop finish its turn and end. */
  stop(): void {
    this.#loop.stop();
  }

  /** Counts the age of the heartbeat from now on. */
  excuse(): void {
    this.#lastTurnAt = this.#options.clock.now();
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  /** Closes what the ended thread left open but for the descriptors in `spared`, which are the caller's. Returns how many. */
  reclaim(spared: Iterable<number>): number {
    const ledger = new Ledger(this.#loop.channel.ledger);
    for (const fd of spared) ledger.removeDescriptor(fd);
    return this.#loop.reap();
  }

  #receive(report: Report): void {
    if (report.kind === 'applied' && 'generation' in report) this.applied = Math.max(this.applied, report.generation);
    if ('ticket' in report) {
      this.#asked.get(report.ticket)?.(report);
      this.#asked.delete(report.ticket);
    }
    this.#options.onReport(report);
    if (report.kind === 'log') Atomics.add(this.#logWritten, 0, 1);
  }
}
