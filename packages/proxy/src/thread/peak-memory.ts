import { collectGarbage } from '@ambit/core/garbage';
import { trimHeap } from '@ambit/native/process';
import { PairPool } from '@ambit/reactor/pair-pool';
import type { Reactor } from '@ambit/reactor/reactor';
import {
  HEAP_LOOK,
  PEAK_GROWTH,
  PEAK_HEAP,
  PEAK_IDLE_SHARE,
  PEAK_LOAD,
  PEAK_LOOK,
  PEAK_OVER_SHARE,
  PEAK_REST,
  PEAK_TRIM,
} from '../limits.ts';

/** What a data thread says of itself. */
export interface ThreadUsage {
  /** Connections and requests under way. */
  readonly load: () => number;
  /** Bytes of JavaScript's heap in use, garbage included. */
  readonly heap: () => number;
  /** Bytes of array buffers, garbage included. */
  readonly buffers: () => number;
  /** Processor time of the thread so far, milliseconds. */
  readonly busy: () => number;
}

/**
 * Tells when a thread should collect what a peak has left: V8 collects when a heap grows, and after a peak it does not grow.
 * The thread stands still meanwhile. So it is done when the load has fallen and the thread has little to do, or when something
 * has grown that no look at the load has seen and the thread has next to nothing to do; V8's own collections, which interrupt
 * less, are enough for everything else.
 */
export class PeakWatch {
  readonly #usage: ThreadUsage;
  /** The most that was seen under way since the last collection. */
  #peak = 0;
  /** As the look before saw it. */
  #load = 0;
  /** The least that was held since the last collection. */
  #least: number;
  #busyAtLook: number;
  #lookedAt: number;
  #restsUntil: number;

  /** `now` in milliseconds, as everywhere. */
  constructor(usage: ThreadUsage, now: number) {
    this.#usage = usage;
    this.#least = usage.heap() + usage.buffers();
    this.#busyAtLook = usage.busy();
    this.#lookedAt = now;
    this.#restsUntil = now;
  }

  /** Looks, and calls `collect` when it is time to. */
  look(now: number, collect: () => void): void {
    const { load, heap, buffers, busy } = this.#usage;
    const before = busy();
    const share = (before - this.#busyAtLook) / (now - this.#lookedAt);
    this.#busyAtLook = before;
    this.#lookedAt = now;
    const current = load();
    this.#peak = Math.max(this.#peak, current);
    // What still ends would be left until the next time.
    const falling = current < this.#load;
    this.#load = current;
    const used = heap();
    const held = used + buffers();
    this.#least = Math.min(this.#least, held);
    if (falling || used > PEAK_HEAP || now < this.#restsUntil) return;
    const over = this.#peak - current >= PEAK_LOAD && this.#peak >= 2 * current && share < PEAK_OVER_SHARE;
    const grown = held - this.#least >= PEAK_GROWTH && current < PEAK_LOAD && share < PEAK_IDLE_SHARE;
    if (!over && !grown) return;
    collect();
    this.#busyAtLook = busy();
    this.#restsUntil = now + (this.#busyAtLook - before) * PEAK_REST;
    this.#peak = current;
    this.#least = heap() + buffers();
  }
}

/** Leaves buffers that wait to be used again to the collector, and collects. */
export function collectPeak(reactor: Reactor): void {
  reactor.buffers.dropFree();
  PairPool.of(reactor).dropFree();
  collectGarbage();
}

/** Gives back what peaks have cost this thread: looks every `PEAK_LOOK`, from now on. */
export function givePeaksBack(reactor: Reactor, load: () => number): void {
  const usage: ThreadUsage = {
    load,
    heap: () => process.memoryUsage().heapUsed,
    buffers: () => process.memoryUsage().arrayBuffers,
    busy: () => {
      const { user, system } = process.threadCpuUsage();
      return (user + system) / 1_000;
    },
  };
  const watch = new PeakWatch(usage, reactor.now);
  const look = (): void => {
    reactor.after(PEAK_LOOK, look);
    watch.look(reactor.now, () => {
      collectPeak(reactor);
      // In a turn of its own, when V8's helpers have freed what was collected; and when the main thread, whose heap V8 looks
      // after itself, has freed the lines of the log.
      for (const later of [HEAP_LOOK, PEAK_TRIM]) reactor.after(later, trimHeap);
    });
  };
  reactor.after(PEAK_LOOK, look);
}
