import type { SocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import { EPOLLIN, EPOLLOUT } from '@ambit/native/epoll';
import { EAGAIN } from '@ambit/native/errno';
import { type Memory, allocate } from '@ambit/native/memory';
import { SHUT_WR, recv, send, shutdown } from '@ambit/native/socket';
import type { ReadinessHandler, Reactor } from '@ambit/reactor/reactor';
import { connectTcp } from '@ambit/reactor/tcp-connect';
import { monotonicNow } from '../monotonic.ts';
import { type LoadReport, Window } from './window.ts';

export interface BulkOptions {
  readonly target: SocketAddress;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly watch: readonly number[];
}

/** Bytes per write. */
const CHUNK_BYTES = 262_144;
/** Writes per readiness, so that a turn stays short. */
const WRITES_PER_TURN = 4;
const TURN_MS = 50;
/** How long the far end may take to read the rest and answer. */
const GRACE_MS = 10_000;

/** One stream upwards as fast as it goes. The sink's own count at the end proves that everything arrived. */
export class BulkLoad implements ReadinessHandler {
  readonly #reactor: Reactor;
  readonly #options: BulkOptions;
  readonly #window: Window;
  readonly #chunk: Memory = allocate(CHUNK_BYTES);
  readonly #answer: Memory = allocate(8);
  #fd = -1;
  #ended = false;
  #arrived = -1;
  #failure: AmbitError | undefined;

  constructor(reactor: Reactor, options: BulkOptions) {
    this.#reactor = reactor;
    this.#options = options;
    this.#window = new Window(monotonicNow() + options.warmUpMs, options.measureMs, options.watch);
    this.#chunk.bytes.fill(0x5a);
  }

  run(): LoadReport {
    connectTcp(
      this.#reactor,
      { destination: this.#options.target },
      {
        onConnected: (fd) => {
          this.#fd = fd;
          this.#reactor.register(fd, EPOLLOUT, this);
        },
        onConnectFailed: (error) => (this.#failure = error),
      },
    );
    for (;;) {
      const now = monotonicNow();
      this.#window.turn(now);
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#arrived >= 0) break;
      if (now >= this.#window.end && !this.#ended) this.#finish();
      if (now > this.#window.end + GRACE_MS) throw new AmbitError('AMBIT_BENCH_BULK', 'the sink did not answer');
      this.#reactor.runTurn(this.#window.untilNext(now, TURN_MS));
    }
    if (this.#arrived !== this.#window.done) {
      throw new AmbitError('AMBIT_BENCH_BULK', `${this.#window.done} bytes sent, ${this.#arrived} arrived`);
    }
    return this.#window.report(0, {});
  }

  onReady(): void {
    if (this.#ended) {
      const count = recv(this.#fd, this.#answer.address, 8);
      if (count === -EAGAIN) return;
      if (count === 8) this.#arrived = Number(this.#answer.bytes.readBigUInt64LE());
      else this.destroy(new AmbitError('AMBIT_BENCH_BULK', 'the stream ended without the count of the sink'));
      return;
    }
    for (let writes = 0; writes < WRITES_PER_TURN; writes += 1) {
      const count = send(this.#fd, this.#chunk.address, CHUNK_BYTES);
      if (count === -EAGAIN) return;
      if (count < 0) {
        this.destroy(new AmbitError('AMBIT_BENCH_BULK', `the stream broke (errno ${-count})`));
        return;
      }
      this.#window.done += count;
    }
  }

  destroy(error: AmbitError): void {
    this.#failure = error;
    this.#reactor.close(this.#fd);
  }

  #finish(): void {
    this.#ended = true;
    shutdown(this.#fd, SHUT_WR);
    this.#reactor.modify(this.#fd, EPOLLIN);
  }
}
