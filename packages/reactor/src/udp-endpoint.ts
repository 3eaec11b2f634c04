import type { SocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';
import { EPOLLIN } from '@ambit/native/epoll';
import { EAGAIN, SystemCallError } from '@ambit/native/errno';
import {
  datagramOriginalDestination,
  datagramSource,
  datagramWasCut,
  receiveDatagram,
  sendDatagram,
} from '@ambit/native/datagram';
import { type Memory, allocate } from '@ambit/native/memory';
import { DATAGRAMS_PER_TURN, DATAGRAM_BYTES } from './limits.ts';
import type { ReadinessHandler, Reactor } from './reactor.ts';

export interface UdpHandler {
  /**
   * What it throws is reported to the loop; the socket goes on.
   * A datagram at `bytes[start..end)`, valid during this call only. `original` is where it was sent before a
   * transparent redirection, if the socket asks for that (`setReceiveOriginalDestination`).
   */
  onDatagram(
    bytes: Buffer,
    start: number,
    end: number,
    source: SocketAddress,
    original: SocketAddress | undefined,
  ): void;
  /** The socket reported an error, for instance that an earlier datagram was refused; it goes on. */
  onDatagramError?(error: AmbitError): void;
}

/** What is being sent; one for the thread, because nothing outlives a call, and a resolver has a socket for each question. */
const outgoing: Memory = allocate(DATAGRAM_BYTES);

/** Sends and receives datagrams on an adopted UDP descriptor, which may be a duplicate of one that stays open elsewhere. */
export class UdpEndpoint implements ReadinessHandler {
  readonly fd: number;
  readonly #reactor: Reactor;
  readonly #handler: UdpHandler;
  #closed = false;
  /** Datagrams that were too long for `DATAGRAM_BYTES` and dropped. */
  dropped = 0;

  constructor(reactor: Reactor, fd: number, handler: UdpHandler) {
    this.fd = fd;
    this.#reactor = reactor;
    this.#handler = handler;
    reactor.register(fd, EPOLLIN, this);
  }

  /**
   * Sends one datagram now. Returns false when it was dropped: too long, the kernel's queue is full, or the socket is
   * closed. Throws `SystemCallError` for every other failure (no route, refused by a firewall).
   */
  send(bytes: Uint8Array, to: SocketAddress): boolean {
    if (this.#closed || bytes.length > DATAGRAM_BYTES) return false;
    outgoing.bytes.set(bytes);
    const result = sendDatagram(this.fd, outgoing.address, bytes.length, to);
    if (result >= 0) return true;
    if (result === -EAGAIN) return false;
    throw new SystemCallError('sendto', -result, to.ip);
  }

  onReady(): void {
    for (let count = 0; count < DATAGRAMS_PER_TURN && !this.#closed; count += 1) {
      const length = receiveDatagram(this.fd, this.#reactor.scratch.address, DATAGRAM_BYTES);
      if (length === -EAGAIN) return;
      try {
        this.#received(length);
      } catch (error) {
        // One datagram that cannot be served must not end the service of all that follow.
        this.#reactor.report(error);
      }
    }
  }

  /** Closes the socket. Idempotent. */
  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    // A close does not end the watch over a socket of which a duplicate stays open.
    this.#reactor.unregister(this.fd);
    this.#reactor.close(this.fd);
  }

  /** `length` bytes lie in the scratch memory; negative: an errno. */
  #received(length: number): void {
    if (length < 0) this.#handler.onDatagramError?.(new SystemCallError('recvmsg', -length, 'UDP socket'));
    else if (datagramWasCut()) this.dropped += 1;
    else {
      const { bytes } = this.#reactor.scratch;
      this.#handler.onDatagram(bytes, 0, length, datagramSource(), datagramOriginalDestination());
    }
  }
}
