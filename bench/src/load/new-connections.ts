import type { SocketAddress } from '@ambit/core/address';
import { EPOLLIN, EPOLLOUT } from '@ambit/native/epoll';
import { EAGAIN, EINPROGRESS } from '@ambit/native/errno';
import type { Memory } from '@ambit/native/memory';
import { connect, openTcpSocket, recv, send } from '@ambit/native/socket';
import { familyOf } from '@ambit/native/socket-address';
import { setNoDelay } from '@ambit/native/socket-option';
import { READ_BUFFER_BYTES } from '@ambit/reactor/limits';
import type { ReadinessHandler, Reactor } from '@ambit/reactor/reactor';
import { AnswerReader, lastRequest } from '../http-exchange.ts';
import { monotonicNow } from '../monotonic.ts';
import { Latencies } from './latencies.ts';
import { type LoadReport, Window } from './window.ts';

export interface NewConnectionOptions {
  readonly target: SocketAddress;
  /** Connections under way at once; one that is done is replaced at once. */
  readonly parallel: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Bearer token of the requests. */
  readonly token: string | undefined;
  readonly watch: readonly number[];
}

const GRACE_MS = 2_000;
const TURN_MS = 50;
const LATENCIES = 1_000_000;

/** One request per connection: connect, ask, read the answer to its end, close. */
export class NewConnectionLoad {
  readonly #reactor: Reactor;
  readonly #options: NewConnectionOptions;
  readonly #latencies = new Latencies(LATENCIES);
  readonly #window: Window;
  /** What every connection asks. */
  readonly request: Memory;
  #active = 0;
  #errors = 0;

  constructor(reactor: Reactor, options: NewConnectionOptions) {
    this.#reactor = reactor;
    this.#options = options;
    this.request = lastRequest(options.token);
    this.#window = new Window(monotonicNow() + options.warmUpMs, options.measureMs, options.watch);
  }

  run(): LoadReport {
    for (;;) {
      const now = monotonicNow();
      this.#window.turn(now);
      const over = now >= this.#window.end;
      if (over && (this.#active === 0 || now > this.#window.end + GRACE_MS)) break;
      while (!over && this.#active < this.#options.parallel) this.#begin();
      this.#reactor.runTurn(this.#window.untilNext(now, TURN_MS));
    }
    return this.#window.report(this.#errors + this.#active, { latency: this.#latencies.summary() });
  }

  finished(begun: number, good: boolean): void {
    const now = monotonicNow();
    this.#active -= 1;
    if (!good) {
      this.#errors += 1;
      return;
    }
    this.#window.done += 1;
    if (this.#window.covers(begun)) this.#latencies.add(now - begun);
  }

  #begin(): void {
    const { target } = this.#options;
    const fd = openTcpSocket(familyOf(target.ip));
    this.#reactor.adopt(fd);
    setNoDelay(fd);
    this.#active += 1;
    const visit = new Visit(this.#reactor, fd, this);
    const result = connect(fd, target);
    if (result < 0 && result !== -EINPROGRESS) visit.destroy();
  }
}

class Visit implements ReadinessHandler {
  readonly #reactor: Reactor;
  readonly #fd: number;
  readonly #load: NewConnectionLoad;
  readonly #begun = monotonicNow();
  #asked = false;
  readonly #answer = new AnswerReader();
  #complete = false;

  constructor(reactor: Reactor, fd: number, load: NewConnectionLoad) {
    this.#reactor = reactor;
    this.#fd = fd;
    this.#load = load;
    reactor.register(fd, EPOLLOUT, this);
  }

  onReady(): void {
    if (!this.#asked) {
      this.#asked = true;
      const { address, bytes } = this.#load.request;
      if (send(this.#fd, address, bytes.length) !== bytes.length) this.destroy();
      else this.#reactor.modify(this.#fd, EPOLLIN);
      return;
    }
    const { scratch } = this.#reactor;
    const count = recv(this.#fd, scratch.address, READ_BUFFER_BYTES);
    if (count === -EAGAIN) return;
    if (count <= 0) {
      // Some proxies close with a reset behind the whole answer.
      this.#end(this.#complete);
      return;
    }
    const progress = this.#complete ? 'bad' : this.#answer.take(scratch.bytes, 0, count);
    if (progress === 'bad') this.destroy();
    else this.#complete = progress === 'complete';
  }

  destroy(): void {
    this.#end(false);
  }

  #end(good: boolean): void {
    this.#reactor.close(this.#fd);
    this.#load.finished(this.#begun, good);
  }
}
