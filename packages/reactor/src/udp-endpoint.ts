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

/** Sends and receives datagrams on an adopted UDP descriptor. */
export class UdpEndpoint implements ReadinessHandler {
  readonly fd: number;
  readonly #reactor: Reactor;
  readonly #handler: UdpHandler;
  readonly #outgoing: Memory = allocate(DATAGRAM_BYTES);
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
   * Sends one datagram now. Returns false when it was dropped: too long, or the kernel's queue is full. Throws
   * `SystemCallError` for every other failure (no route, refused by a firewall).
   */
  send(bytes: Uint8Array, to: SocketAddress): boolean {
    if (bytes.length > DATAGRAM_BYTES) return false;
    this.#outgoing.bytes.set(bytes);
    const result = sendDatagram(this.fd, this.#outgoing.address, bytes.length, to);
    if (result >= 0) return true;
    if (result === -EAGAIN) return false;
    throw new SystemCallError('sendto', -result, to.ip);
  }

  onReady(): void {
    const { scratch } = this.#reactor;
    for (let count = 0; count < DATAGRAMS_PER_TURN && !this.#closed; count += 1) {
      const length = receiveDatagram(this.fd, scratch.address, DATAGRAM_BYTES);
      if (length === -EAGAIN) return;
      if (length < 0) {
        this.#handler.onDatagramError?.(new SystemCallError('recvmsg', -length, 'UDP socket'));
        continue;
      }
      if (datagramWasCut()) this.dropped += 1;
      else this.#handler.onDatagram(scratch.bytes, 0, length, datagramSource(), datagramOriginalDestination());
    }
  }

  /** Closes the socket. Idempotent. */
  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reactor.close(this.fd);
  }
}
