import type { SocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import { EPOLLIN } from '@ambit/native/epoll';
import { takeEvent } from '@ambit/native/eventfd';
import type { ReadinessHandler, Reactor } from '@ambit/reactor/reactor';
import { monotonicNow } from '../monotonic.ts';
import { Latencies } from './latencies.ts';
import { Pacer } from './pacer.ts';
import { Queue } from './queue.ts';
import { type LoadReport, Window } from './window.ts';

export interface RequestOptions {
  readonly target: SocketAddress;
  readonly connections: number;
  /** Requests under way at once on one connection. */
  readonly streams: number;
  /** Requests per second at fixed instants, whether or not answers come back; 0: each slot as fast as it can. */
  readonly rate: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Processes whose processor time is read. */
  readonly watch: readonly number[];
}

/** Place for one request at a time on an open connection. */
export interface RequestSlot {
  /** Sends a request. `intended` comes back with `completed`. */
  begin(intended: number): void;
}

/** What a connection tells of its slots. */
export interface SlotEvents {
  opened(slot: RequestSlot): void;
  /** `fill` is what the answer ended in, an octet. */
  completed(slot: RequestSlot, intended: number, fill: number): void;
  /** A slot is gone, with a request under way or without. */
  lost(busy: boolean): void;
  /** An answer was not what it should be. */
  failed(): void;
  connectFailed(error: AmbitError): void;
}

/** Opens one connection, with `streams` slots. */
export type ConnectionOpener = (
  reactor: Reactor,
  options: Pick<RequestOptions, 'streams' | 'target'>,
  events: SlotEvents,
) => void;

/** How long answers may take after the end before they count as lost. */
const GRACE_MS = 2_000;
/** How long opening all connections may take. */
const OPENING_MS = 10_000;
/** The longest sleep of a turn while nothing is due. */
const TURN_MS = 50;
/** What answers of the other server are made of: 'y'. */
const OTHER_FILL = 0x79;
/** Latencies kept per run. */
const LATENCIES = 4_000_000;

/** Sends requests on connections that stay open. In an open loop latency counts from the intended instant. */
export class RequestLoad implements SlotEvents {
  readonly #reactor: Reactor;
  readonly #options: RequestOptions;
  readonly #opener: ConnectionOpener;
  readonly #idle = new Queue<RequestSlot>();
  readonly #due = new Queue<number>();
  readonly #latencies = new Latencies(LATENCIES);
  #window: Window;
  #start = 0;
  #scheduled = 0;
  #inFlight = 0;
  #longestQueue = 0;
  #errors = 0;
  #others = 0;
  #failure: AmbitError | undefined;

  constructor(reactor: Reactor, options: RequestOptions, opener: ConnectionOpener) {
    this.#reactor = reactor;
    this.#options = options;
    this.#opener = opener;
    this.#window = new Window(0, 0, []);
  }

  /** Opens the connections, runs the load to its end and returns what it found. Throws when connections do not open. */
  run(): LoadReport {
    this.#open();
    const { rate, warmUpMs, measureMs, watch } = this.#options;
    const pacer = rate > 0 ? this.#pace(1000 / rate) : undefined;
    if (pacer === undefined) this.#start = monotonicNow();
    this.#window = new Window(this.#start + warmUpMs, measureMs, watch);
    this.turn();
    for (;;) {
      const now = monotonicNow();
      this.#window.turn(now);
      if (now >= this.#window.end && (this.#inFlight === 0 || now > this.#window.end + GRACE_MS)) break;
      this.#reactor.runTurn(this.#window.untilNext(now, TURN_MS));
    }
    pacer?.stop();
    return this.#window.report(this.#errors + this.#inFlight, {
      ...(rate > 0 ? { rate, longestQueue: this.#longestQueue } : {}),
      others: this.#others,
      latency: this.#latencies.summary(),
    });
  }

  /** Starts what is due, as far as slots are free. */
  turn(): void {
    const now = monotonicNow();
    if (now >= this.#window.end) {
      this.#due.clear();
      return;
    }
    if (this.#options.rate > 0) this.#schedule(now);
    else while (this.#due.size < this.#idle.size) this.#due.push(now);
    while (this.#due.size > 0 && this.#idle.size > 0) {
      const slot = this.#idle.shift();
      const intended = this.#due.shift();
      if (slot === undefined || intended === undefined) return;
      this.#begin(slot, intended);
    }
  }

  opened(slot: RequestSlot): void {
    this.#idle.push(slot);
  }

  connectFailed(error: AmbitError): void {
    this.#failure = error;
  }

  completed(slot: RequestSlot, intended: number, fill: number): void {
    const now = monotonicNow();
    if (fill === OTHER_FILL) this.#others += 1;
    this.#inFlight -= 1;
    this.#window.done += 1;
    if (this.#window.covers(intended)) this.#latencies.add(now - intended);
    if (now >= this.#window.end) return;
    if (this.#options.rate === 0) {
      this.#begin(slot, now);
      return;
    }
    const due = this.#due.shift();
    if (due === undefined) this.#idle.push(slot);
    else this.#begin(slot, due);
  }

  lost(busy: boolean): void {
    if (busy) this.#inFlight -= 1;
    this.#errors += 1;
  }

  failed(): void {
    this.#errors += 1;
  }

  #begin(slot: RequestSlot, intended: number): void {
    this.#inFlight += 1;
    slot.begin(intended);
  }

  #schedule(now: number): void {
    const gap = 1000 / this.#options.rate;
    for (;;) {
      const instant = this.#start + this.#scheduled * gap;
      if (instant > now) break;
      this.#due.push(instant);
      this.#scheduled += 1;
    }
    const waiting = this.#due.size - this.#idle.size;
    if (waiting > this.#longestQueue) this.#longestQueue = waiting;
  }

  #pace(gap: number): Pacer {
    const pacer = new Pacer();
    const tick: ReadinessHandler = {
      onReady: () => {
        takeEvent(pacer.event);
        this.turn();
      },
      destroy: () => {
        this.#errors += 1;
      },
    };
    this.#reactor.adopt(pacer.event);
    this.#reactor.register(pacer.event, EPOLLIN, tick);
    // The thread needs a moment to start; instants that pass meanwhile would begin the load with a burst.
    this.#start = monotonicNow() + 100;
    pacer.start(this.#start, gap);
    return pacer;
  }

  #open(): void {
    const { connections, streams } = this.#options;
    const slots = connections * streams;
    for (let count = 0; count < connections; count += 1) this.#opener(this.#reactor, this.#options, this);
    const deadline = monotonicNow() + OPENING_MS;
    while (this.#idle.size < slots) {
      if (this.#failure !== undefined) throw this.#failure;
      if (monotonicNow() > deadline) {
        throw new AmbitError('AMBIT_BENCH_CONNECT', `${this.#idle.size} of ${slots} slots for requests opened in time`);
      }
      this.#reactor.runTurn(TURN_MS);
    }
  }
}
