import type { AmbitError } from '@ambit/core/errors';
import { EPOLLERR, EPOLLIN, EPOLLOUT } from '@ambit/native/epoll';
import { EAGAIN, ECONNRESET } from '@ambit/native/errno';
import type { Memory } from '@ambit/native/memory';
import { SHUT_WR, recv, send, shutdown, socketError } from '@ambit/native/socket';
import { setResetOnClose, takeError } from '@ambit/native/socket-option';
import { READ_BUFFER_BYTES, READ_BYTES_PER_TURN } from './limits.ts';
import type { ReadinessHandler, Reactor } from './reactor.ts';

/** Bytes delivered in each direction, and why the relay broke; no error after both sides ended in good order. */
export type RelayEnd = (bytesAToB: number, bytesBToA: number, error: AmbitError | undefined) => void;

/**
 * Copies bytes between two connected, adopted TCP descriptors, both ways, until both sides have ended. What one side
 * does the other gets to see: a FIN becomes a FIN (half-close), an RST becomes an RST, and a side that does not read
 * stops the other from being read.
 */
export class TcpRelay {
  readonly #reactor: Reactor;
  readonly #a: Leg;
  readonly #b: Leg;
  readonly #onEnd: RelayEnd;
  #closed = false;

  /** Throws `AMBIT_SYSCALL` when the loop cannot watch them; the descriptors are the caller's then. */
  constructor(reactor: Reactor, a: number, b: number, onEnd: RelayEnd) {
    this.#reactor = reactor;
    this.#onEnd = onEnd;
    this.#a = new Leg(reactor, this, a);
    this.#b = new Leg(reactor, this, b);
    this.#a.start(this.#b);
    this.#b.start(this.#a);
  }

  get bytesAToB(): number {
    return this.#a.delivered;
  }

  get bytesBToA(): number {
    return this.#b.delivered;
  }

  /** Cuts both connections; both peers see RST. Idempotent. */
  destroy(error?: AmbitError): void {
    if (this.#closed) return;
    setResetOnClose(this.#a.fd);
    setResetOnClose(this.#b.fd);
    this.#close(error);
  }

  /** For the legs: one direction is finished. */
  finished(): void {
    if (this.#a.finished && this.#b.finished) this.#close(undefined);
  }

  #close(error: AmbitError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#a.stop();
    this.#b.stop();
    this.#reactor.close(this.#a.fd);
    this.#reactor.close(this.#b.fd);
    this.#onEnd(this.#a.delivered, this.#b.delivered, error);
  }
}

/** One connection of a relay and the direction that starts there. */
class Leg implements ReadinessHandler {
  readonly fd: number;
  /** Bytes from here that the other side's kernel has taken. */
  delivered = 0;
  /** The end of the stream was passed on. */
  finished = false;
  readonly #reactor: Reactor;
  readonly #relay: TcpRelay;
  #other: Leg;
  #stopped = false;
  /** Bytes from here that the other side has not taken: `#held` from `#start` to `#end`. */
  #held: Memory | undefined;
  #start = 0;
  #end = 0;

  constructor(reactor: Reactor, relay: TcpRelay, fd: number) {
    this.fd = fd;
    this.#reactor = reactor;
    this.#relay = relay;
    this.#other = this;
  }

  start(other: Leg): void {
    this.#other = other;
    this.#reactor.register(this.fd, EPOLLIN, this);
  }

  stop(): void {
    this.#stopped = true;
    this.#release();
  }

  onReady(events: number): void {
    if ((events & EPOLLOUT) !== 0) this.#other.#sendHeld();
    if (this.#stopped) return;
    if (!this.finished && this.#held === undefined) this.#copy();
    else if ((events & EPOLLERR) !== 0) this.#broken();
  }

  destroy(error: AmbitError): void {
    this.#relay.destroy(error);
  }

  #copy(): void {
    const { scratch } = this.#reactor;
    const to = this.#other.fd;
    let total = 0;
    for (;;) {
      const count = recv(this.fd, scratch.address, READ_BUFFER_BYTES);
      if (count <= 0) {
        if (count === 0) this.#finish();
        else if (count !== -EAGAIN) this.#relay.destroy(socketError('recv', count, 'relay'));
        return;
      }
      const sent = send(to, scratch.address, count);
      if (sent < 0 && sent !== -EAGAIN) {
        this.#relay.destroy(socketError('send', sent, 'relay'));
        return;
      }
      const taken = sent < 0 ? 0 : sent;
      this.delivered += taken;
      if (taken < count) {
        this.#hold(taken, count);
        return;
      }
      total += count;
      if (count < READ_BUFFER_BYTES || total >= READ_BYTES_PER_TURN) return;
    }
  }

  #hold(from: number, to: number): void {
    const held = this.#reactor.buffers.lend(to - from);
    this.#reactor.scratch.bytes.copy(held.bytes, 0, from, to);
    this.#held = held;
    this.#start = 0;
    this.#end = to - from;
    this.#updateInterest();
    this.#other.#updateInterest();
  }

  #sendHeld(): void {
    const held = this.#held;
    if (held === undefined) return;
    const sent = send(this.#other.fd, held.address + this.#start, this.#end - this.#start);
    if (sent < 0) {
      if (sent !== -EAGAIN) this.#relay.destroy(socketError('send', sent, 'relay'));
      return;
    }
    this.delivered += sent;
    this.#start += sent;
    if (this.#start < this.#end) return;
    this.#release();
    this.#updateInterest();
    this.#other.#updateInterest();
  }

  #finish(): void {
    this.finished = true;
    const result = shutdown(this.#other.fd, SHUT_WR);
    if (result < 0) {
      this.#relay.destroy(socketError('shutdown', result, 'relay'));
      return;
    }
    this.#updateInterest();
    this.#relay.finished();
  }

  #broken(): void {
    const errno = takeError(this.fd);
    this.#relay.destroy(socketError('recv', -(errno === 0 ? ECONNRESET : errno), 'relay'));
  }

  #release(): void {
    if (this.#held === undefined) return;
    this.#reactor.buffers.giveBack(this.#held);
    this.#held = undefined;
  }

  #updateInterest(): void {
    if (this.#stopped) return;
    const read = this.finished || this.#held !== undefined ? 0 : EPOLLIN;
    this.#reactor.modify(this.fd, read | (this.#other.#held === undefined ? 0 : EPOLLOUT));
  }
}
