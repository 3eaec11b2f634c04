import { AmbitError } from '@ambit/core/errors';
import { close, duplicate } from '@ambit/native/descriptor';
import { EPOLLIN, EPOLLOUT } from '@ambit/native/epoll';
import { EAGAIN, EMSGSIZE } from '@ambit/native/errno';
import { type Memory, allocate } from '@ambit/native/memory';
import { socketError } from '@ambit/native/socket';
import { acceptSeqpacket, receivePacket, sendPacket, takeDescriptors } from '@ambit/native/unix-socket';
import { ACCEPTS_PER_TURN, PACKETS_QUEUED } from './limits.ts';
import type { ReadinessHandler, Reactor } from './reactor.ts';

export interface UnixPacketHandler {
  /**
   * A packet at `bytes[start..end)`, valid during this call only, and the descriptors that came with it, which are the
   * handler's to close and in no ledger yet (`reactor.adopt`).
   */
  onPacket(bytes: Buffer, start: number, end: number, descriptors: number[]): void;
  /** Called exactly once, last; no error when the peer closed. A packet that was cut is an error (EMSGSIZE). */
  onClose(error: AmbitError | undefined): void;
}

export interface UnixPacketOptions {
  /** Bytes of the longest packet that is accepted. */
  readonly maxPacketBytes: number;
  /** Descriptors one packet may bring. */
  readonly maxDescriptors: number;
}

interface QueuedPacket {
  readonly memory: Memory;
  readonly length: number;
  readonly descriptors: readonly number[];
}

/** A SEQPACKET connection on an adopted descriptor: whole packets, with descriptors. */
export class UnixPacketEndpoint implements ReadinessHandler {
  readonly fd: number;
  readonly #reactor: Reactor;
  readonly #handler: UnixPacketHandler;
  readonly #options: UnixPacketOptions;
  #queue: QueuedPacket[] = [];
  #closed = false;

  constructor(reactor: Reactor, fd: number, options: UnixPacketOptions, handler: UnixPacketHandler) {
    this.fd = fd;
    this.#reactor = reactor;
    this.#options = options;
    this.#handler = handler;
    reactor.register(fd, EPOLLIN, this);
  }

  /**
   * Sends a packet, or queues it while the peer does not read. The descriptors stay the caller's and may be closed
   * at once. A peer that lets more than `PACKETS_QUEUED` packets wait loses the connection (`AMBIT_UNIX_PACKET`).
   */
  send(packet: Uint8Array, descriptors: readonly number[] = []): void {
    if (this.#closed) return;
    const memory = allocate(packet.length);
    memory.bytes.set(packet);
    if (this.#queue.length === 0) {
      const result = sendPacket(this.fd, memory.address, packet.length, descriptors);
      if (result >= 0) return;
      if (result !== -EAGAIN) {
        this.destroy(socketError('sendmsg', result, 'unix socket'));
        return;
      }
    }
    if (this.#queue.length >= PACKETS_QUEUED) {
      this.destroy(
        new AmbitError('AMBIT_UNIX_PACKET', `the peer let ${PACKETS_QUEUED} packets wait`, { source: 'peer' }),
      );
      return;
    }
    this.#queue.push({ memory, length: packet.length, descriptors: descriptors.map(duplicate) });
    this.#reactor.modify(this.fd, EPOLLIN | EPOLLOUT);
  }

  onReady(events: number): void {
    if ((events & EPOLLOUT) !== 0) this.#sendQueued();
    const { scratch } = this.#reactor;
    const { maxPacketBytes, maxDescriptors } = this.#options;
    while (!this.#closed) {
      const length = receivePacket(this.fd, scratch.address, maxPacketBytes, maxDescriptors);
      if (length === -EAGAIN) return;
      if (length <= 0) {
        this.destroy(
          length === 0
            ? undefined
            : socketError('recvmsg', length, length === -EMSGSIZE ? 'packet was cut' : 'unix socket'),
        );
        return;
      }
      this.#handler.onPacket(scratch.bytes, 0, length, takeDescriptors());
    }
  }

  /** Closes the connection. Idempotent. */
  destroy(error?: AmbitError): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const packet of this.#queue) packet.descriptors.forEach(close);
    this.#queue = [];
    this.#reactor.close(this.fd);
    this.#handler.onClose(error);
  }

  #sendQueued(): void {
    for (;;) {
      const packet = this.#queue[0];
      if (packet === undefined) break;
      const result = sendPacket(this.fd, packet.memory.address, packet.length, packet.descriptors);
      if (result === -EAGAIN) return;
      if (result < 0) {
        this.destroy(socketError('sendmsg', result, 'unix socket'));
        return;
      }
      packet.descriptors.forEach(close);
      this.#queue.shift();
    }
    if (!this.#closed) this.#reactor.modify(this.fd, EPOLLIN);
  }
}

/** Accepts SEQPACKET connections on an adopted listening descriptor. */
export class UnixPacketListener implements ReadinessHandler {
  readonly fd: number;
  readonly #reactor: Reactor;
  readonly #onAccept: (fd: number) => void;

  /** `onAccept` gets descriptors that are adopted already. */
  constructor(reactor: Reactor, fd: number, onAccept: (fd: number) => void) {
    this.fd = fd;
    this.#reactor = reactor;
    this.#onAccept = onAccept;
    reactor.register(fd, EPOLLIN, this);
  }

  onReady(): void {
    for (let count = 0; count < ACCEPTS_PER_TURN; count += 1) {
      const connection = acceptSeqpacket(this.fd);
      if (connection === -EAGAIN) return;
      if (connection < 0) throw socketError('accept4', connection, 'unix socket');
      this.#reactor.adopt(connection);
      this.#onAccept(connection);
    }
  }

  destroy(): void {
    this.#reactor.close(this.fd);
  }
}
