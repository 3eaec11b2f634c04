import type { AmbitError } from '@ambit/core/errors';
import { EPOLLERR, EPOLLIN, EPOLLOUT } from '@ambit/native/epoll';
import { ECONNRESET, SystemCallError } from '@ambit/native/errno';
import { setResetOnClose, takeError } from '@ambit/native/socket-option';
import type { ByteEndpoint, ByteEndpointHandler } from './endpoint.ts';
import { lingerAndClose } from './linger.ts';
import { OutputBuffer } from './output-buffer.ts';
import type { Flushable, ReadinessHandler, Reactor } from './reactor.ts';

/**
 * `opening`: not ready for bytes yet. `ending`: `end` was called, what was written is still being sent. `closed`: the
 * descriptor is given up and `onClose` was called.
 */
export type EndpointState = 'opening' | 'open' | 'ending' | 'closed';

/** What TCP and TLS endpoints share: the life of a connection, interest in readiness, output once per turn. */
export abstract class StreamEndpoint implements ByteEndpoint, ReadinessHandler, Flushable {
  readonly fd: number;
  readonly output: OutputBuffer;
  bytesReceived = 0;
  bytesSent = 0;
  protected readonly reactor: Reactor;
  protected handler: ByteEndpointHandler;
  protected state: EndpointState = 'opening';
  /** The owner wants bytes. */
  protected reading = true;
  /** The peer has said that nothing more comes. */
  protected peerEnded = false;
  /** The kernel refused bytes; the descriptor is watched for room. */
  #congested = false;
  #readAgainQueued = false;
  readonly #readAgain: () => void;

  protected constructor(reactor: Reactor, fd: number, handler: ByteEndpointHandler) {
    this.reactor = reactor;
    this.fd = fd;
    this.handler = handler;
    this.output = new OutputBuffer(reactor.buffers, () => reactor.flushLater(this));
    this.#readAgain = () => {
      this.#readAgainQueued = false;
      if (this.reading && this.canRead()) this.pull();
    };
  }

  /** Reads what there is and hands it to the handler. */
  protected abstract pull(): void;
  /** Sends what the output holds; ends in `setCongested(true)` or in `drained()`, or destroys. */
  protected abstract push(): void;
  /** Says goodbye in the protocol, if it has one. */
  protected abstract farewell(): void;
  /** Frees what the endpoint holds beside its descriptor. */
  protected abstract release(): void;

  get congested(): boolean {
    return this.#congested;
  }

  get closed(): boolean {
    return this.state === 'closed';
  }

  pauseReading(): void {
    if (!this.reading) return;
    this.reading = false;
    this.updateInterest();
  }

  resumeReading(): void {
    if (this.reading) return;
    this.reading = true;
    this.updateInterest();
    // Bytes that were read ahead do not show as readiness of the descriptor.
    this.readLater();
  }

  end(): void {
    if (this.state === 'opening') this.destroy();
    if (this.state !== 'open') return;
    this.state = 'ending';
    if (this.output.waiting === 0 && !this.#congested) this.#finish();
  }

  destroy(error?: AmbitError, reset = false): void {
    if (this.state === 'closed') return;
    if (reset) setResetOnClose(this.fd);
    this.#giveUp();
    this.reactor.close(this.fd);
    this.handler.onClose(error);
  }

  onReady(events: number): void {
    if (this.state === 'opening') {
      this.proceed();
      return;
    }
    if ((events & EPOLLOUT) !== 0) this.flush();
    if ((events & ~EPOLLOUT) === 0 || !this.canRead()) return;
    if (this.reading && !this.peerEnded) this.pull();
    else if ((events & EPOLLERR) !== 0) this.#lost();
  }

  flush(): void {
    if (this.state === 'open' || this.state === 'ending') this.push();
  }

  /** Readiness while opening. */
  protected proceed(): void {
    this.open();
  }

  protected open(): void {
    this.state = 'open';
    this.updateInterest();
    this.handler.onOpen();
    if (this.output.waiting > 0 && !this.closed) this.reactor.flushLater(this);
  }

  /** Destroys in a way that lets the peer read what was sent last (an alert). */
  protected abandon(error: AmbitError): void {
    if (this.state === 'closed') return;
    this.#giveUp();
    lingerAndClose(this.reactor, this.fd);
    this.handler.onClose(error);
  }

  protected canRead(): boolean {
    return this.state === 'open' || this.state === 'ending';
  }

  protected deliver(start: number, end: number): void {
    const { scratch } = this.reactor;
    this.bytesReceived += end - start;
    this.handler.onBytes(scratch.bytes, scratch.address, start, end);
  }

  protected peerHasEnded(): void {
    if (this.peerEnded) return;
    this.peerEnded = true;
    this.handler.onEnd();
    // Most owners end their side at once.
    this.updateInterest();
  }

  /** Reads again after the other endpoints of the loop had their turn. */
  protected readLater(): void {
    if (this.#readAgainQueued) return;
    this.#readAgainQueued = true;
    this.reactor.defer(this.#readAgain);
  }

  protected setCongested(congested: boolean): void {
    if (this.#congested === congested) return;
    this.#congested = congested;
    this.updateInterest();
  }

  /** Everything that was written is with the kernel. */
  protected drained(): void {
    this.setCongested(false);
    const { output } = this;
    output.settle();
    if (this.state === 'ending') {
      this.#finish();
      return;
    }
    if (output.refused) {
      output.refused = false;
      this.handler.onRoom();
    }
  }

  protected updateInterest(): void {
    if (this.state === 'closed') return;
    const read = this.reading && !this.peerEnded ? EPOLLIN : 0;
    this.reactor.modify(this.fd, read | (this.#congested ? EPOLLOUT : 0));
  }

  /** An error while nobody reads: the peer reset the connection. */
  #lost(): void {
    const errno = takeError(this.fd);
    this.destroy(new SystemCallError('recv', errno === 0 ? ECONNRESET : errno, 'connection'));
  }

  #finish(): void {
    this.farewell();
    this.#giveUp();
    if (this.peerEnded) this.reactor.close(this.fd);
    else lingerAndClose(this.reactor, this.fd);
    this.handler.onClose(undefined);
  }

  #giveUp(): void {
    this.state = 'closed';
    this.output.settle();
    this.release();
  }
}
