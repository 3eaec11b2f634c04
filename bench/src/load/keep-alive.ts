import type { SocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import { EPOLLIN } from '@ambit/native/epoll';
import { EAGAIN } from '@ambit/native/errno';
import { takeEvent } from '@ambit/native/eventfd';
import { recv, send } from '@ambit/native/socket';
import { READ_BUFFER_BYTES } from '@ambit/reactor/limits';
import type { ReadinessHandler, Reactor } from '@ambit/reactor/reactor';
import { connectTcp } from '@ambit/reactor/tcp-connect';
import { REQUEST, RESPONSE, isSuccess } from '../http-exchange.ts';
import { monotonicNow } from '../monotonic.ts';
import { Latencies } from './latencies.ts';
import { Pacer } from './pacer.ts';
import { Queue } from './queue.ts';
import { type LoadReport, Window } from './window.ts';

export interface KeepAliveOptions {
  readonly target: SocketAddress;
  readonly connections: number;
  /** Requests per second at fixed instants, whether or not answers come back; 0: each connection as fast as it can. */
  readonly rate: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Processes whose processor time is read. */
  readonly watch: readonly number[];
}

/** How long answers may take after the end before they count as lost. */
const GRACE_MS = 2_000;
/** How long opening all connections may take. */
const OPENING_MS = 10_000;
/** The longest sleep of a turn while nothing is due. */
const TURN_MS = 50;
/** Latencies kept per run. */
const LATENCIES = 4_000_000;

/** Sends requests on connections that stay open. In an open loop latency counts from the intended instant. */
export class KeepAliveLoad {
  readonly #reactor: Reactor;
  readonly #options: KeepAliveOptions;
  readonly #idle = new Queue<Exchange>();
  readonly #due = new Queue<number>();
  readonly #latencies = new Latencies(LATENCIES);
  #window: Window;
  #start = 0;
  #scheduled = 0;
  #inFlight = 0;
  #longestQueue = 0;
  #errors = 0;

  constructor(reactor: Reactor, options: KeepAliveOptions) {
    this.#reactor = reactor;
    this.#options = options;
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
      latency: this.#latencies.summary(),
    });
  }

  /** Starts what is due, as far as connections are free. */
  turn(): void {
    const now = monotonicNow();
    if (now >= this.#window.end) {
      this.#due.clear();
      return;
    }
    if (this.#options.rate > 0) this.#schedule(now);
    else while (this.#due.size < this.#idle.size) this.#due.push(now);
    while (this.#due.size > 0 && this.#idle.size > 0) {
      const exchange = this.#idle.shift();
      const intended = this.#due.shift();
      if (exchange === undefined || intended === undefined) return;
      this.#begin(exchange, intended);
    }
  }

  completed(exchange: Exchange, intended: number): void {
    const now = monotonicNow();
    this.#inFlight -= 1;
    this.#window.done += 1;
    if (this.#window.covers(intended)) this.#latencies.add(now - intended);
    if (now >= this.#window.end) return;
    if (this.#options.rate === 0) {
      this.#begin(exchange, now);
      return;
    }
    const due = this.#due.shift();
    if (due === undefined) this.#idle.push(exchange);
    else this.#begin(exchange, due);
  }

  lost(busy: boolean): void {
    if (busy) this.#inFlight -= 1;
    this.#errors += 1;
  }

  failed(): void {
    this.#errors += 1;
  }

  #begin(exchange: Exchange, intended: number): void {
    this.#inFlight += 1;
    exchange.begin(intended);
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
    const { target, connections } = this.#options;
    let failure: AmbitError | undefined;
    for (let count = 0; count < connections; count += 1) {
      connectTcp(
        this.#reactor,
        { destination: target },
        {
          onConnected: (fd) => this.#idle.push(new Exchange(this.#reactor, fd, this)),
          onConnectFailed: (error) => (failure = error),
        },
      );
    }
    const deadline = monotonicNow() + OPENING_MS;
    while (this.#idle.size < connections) {
      if (failure !== undefined) throw failure;
      if (monotonicNow() > deadline) {
        throw new AmbitError('AMBIT_BENCH_CONNECT', `${this.#idle.size} of ${connections} connections opened in time`);
      }
      this.#reactor.runTurn(TURN_MS);
    }
  }
}

/** One connection and the request that is under way on it. */
class Exchange implements ReadinessHandler {
  readonly #reactor: Reactor;
  readonly #fd: number;
  readonly #load: KeepAliveLoad;
  #intended = 0;
  #busy = false;
  #received = 0;

  constructor(reactor: Reactor, fd: number, load: KeepAliveLoad) {
    this.#reactor = reactor;
    this.#fd = fd;
    this.#load = load;
    reactor.register(fd, EPOLLIN, this);
  }

  begin(intended: number): void {
    this.#intended = intended;
    this.#busy = true;
    this.#received = 0;
    if (send(this.#fd, REQUEST.address, REQUEST.bytes.length) !== REQUEST.bytes.length) this.#load.failed();
  }

  onReady(): void {
    const { scratch } = this.#reactor;
    const count = recv(this.#fd, scratch.address, READ_BUFFER_BYTES);
    if (count === -EAGAIN) return;
    if (count <= 0) {
      this.destroy();
      return;
    }
    if (this.#received === 0 && !isSuccess(scratch.bytes, 0)) this.#load.failed();
    this.#received += count;
    if (!this.#busy || this.#received < RESPONSE.bytes.length) return;
    this.#busy = false;
    this.#load.completed(this, this.#intended);
  }

  destroy(): void {
    this.#reactor.close(this.#fd);
    this.#load.lost(this.#busy);
    this.#busy = false;
  }
}
