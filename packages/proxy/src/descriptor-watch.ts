import type { Clock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { DescriptorBudget, type DescriptorBudgetMemory } from '@ambit/reactor/descriptor-budget';
import { DescriptorCounts } from '@ambit/reactor/descriptor-counts';
import {
  CONNECTION_DESCRIPTORS,
  CONNECTION_DESCRIPTORS_ROOM,
  DESCRIPTOR_REFUSALS,
  LISTENERS_WAITING,
} from '@ambit/telemetry/families';
import type { Metrics } from '@ambit/telemetry/metrics';
import { DESCRIPTOR_LOG_INTERVAL, DESCRIPTOR_LOOK, DESCRIPTOR_LOOK_SHARE, DESCRIPTORS_RESERVED } from './limits.ts';

/** For whom data threads hold descriptors. */
export interface DescriptorOwner {
  readonly name: string;
  /** Memory of `DescriptorCounts`. */
  readonly descriptors: SharedArrayBuffer;
}

export interface DescriptorWatchOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly memory: DescriptorBudgetMemory;
  /** RLIMIT_NOFILE. */
  readonly openFileLimit: () => number;
  /** Descriptors that the process has open, whatever for. */
  readonly openDescriptors: () => number;
  /** Those with accounts of their own. */
  readonly owners: () => Iterable<DescriptorOwner>;
}

/** Owners that a line of the log names. */
const NAMED = 3;

/**
 * The control side of the descriptors: says how many connections may hold, so that it never lacks one itself, and tells
 * when that is reached.
 */
export class DescriptorWatch {
  readonly #options: DescriptorWatchOptions;
  readonly #budget: DescriptorBudget;
  #limit = 0;
  #refused = 0;
  /** While descriptors are short: when that was last said, and the refusals until then. */
  #short: { saidAt: number; refused: number } | undefined;

  constructor(options: DescriptorWatchOptions) {
    this.#options = options;
    this.#budget = new DescriptorBudget(options.memory);
  }

  /** Looks now and from then on. */
  start(): void {
    this.#look();
  }

  /** A data thread has ended: what it held is closed. */
  threadEnded(thread: number): void {
    this.#budget.counts.threadEnded(thread);
    for (const { descriptors } of this.#options.owners()) new DescriptorCounts(descriptors).threadEnded(thread);
  }

  #look(): void {
    const { clock } = this.#options;
    const from = clock.now();
    this.#measure();
    const took = clock.now() - from;
    this.#tell();
    clock.setTimeout(
      () => {
        this.#look();
      },
      Math.max(DESCRIPTOR_LOOK, took * DESCRIPTOR_LOOK_SHARE),
      { background: true },
    );
  }

  #measure(): void {
    const { openFileLimit, openDescriptors } = this.#options;
    const { counts } = this.#budget;
    const limit = openFileLimit();
    this.#limit = limit;
    const others = Math.max(0, openDescriptors() - counts.held);
    const left = limit - others;
    const reserve = Math.min(DESCRIPTORS_RESERVED, Math.floor(limit / 4), Math.floor(left / 2));
    this.#budget.room = left - reserve;
  }

  #tell(): void {
    const { metrics, log, clock } = this.#options;
    const limit = this.#limit;
    const { counts, room } = this.#budget;
    const { held, waiting, refused } = counts;
    metrics.number(CONNECTION_DESCRIPTORS).value = held;
    metrics.number(CONNECTION_DESCRIPTORS_ROOM).value = room;
    metrics.number(LISTENERS_WAITING).value = waiting;
    metrics.number(DESCRIPTOR_REFUSALS).value = refused;
    const short = waiting > 0 || refused !== this.#refused;
    const refusedBefore = this.#refused;
    this.#refused = refused;
    const now = clock.now();
    if (!short) {
      // Not at the first look without: it comes and goes with every connection that ends.
      if (this.#short === undefined || now - this.#short.saidAt < DESCRIPTOR_LOG_INTERVAL) return;
      this.#short = undefined;
      log.info({ held, room, limit }, 'descriptors are free again');
      return;
    }
    if (this.#short !== undefined && now - this.#short.saidAt < DESCRIPTOR_LOG_INTERVAL) return;
    const since = this.#short?.refused ?? refusedBefore;
    this.#short = { saidAt: now, refused };
    log.warn(
      { held, room, limit, waitingListeners: waiting, refused: refused - since, most: this.#most() },
      'descriptors are short: new connections wait in the queue of their listener, or are refused; the limit is that of ' +
        'open files (RLIMIT_NOFILE, LimitNOFILE of the container runtime)',
    );
  }

  /** Who holds most. */
  #most(): string[] {
    return [...this.#options.owners()]
      .map(({ name, descriptors }) => ({ name, held: new DescriptorCounts(descriptors).held }))
      .filter(({ held }) => held > 0)
      .sort((a, b) => b.held - a.held)
      .slice(0, NAMED)
      .map(({ name, held }) => `${name}: ${held}`);
  }
}
