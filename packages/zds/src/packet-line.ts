import type { AmbitError } from '@ambit/core/errors';
import { close } from '@ambit/native/descriptor';
import { EPOLLIN } from '@ambit/native/epoll';
import { EAGAIN, SystemCallError } from '@ambit/native/errno';
import { allocate, type Memory } from '@ambit/native/memory';
import { receivePacket, sendPacket, takeDescriptors } from '@ambit/native/unix-socket';
import type { ReadinessHandler } from '@ambit/reactor/reactor';
import type { Line } from './agent/session.ts';
import { MAX_PACKET_BYTES } from './limits.ts';
import { protocolError } from './messages.ts';

/** The wire contract passes one descriptor at most. */
const MAX_DESCRIPTORS = 1;

const incoming: Memory = allocate(MAX_PACKET_BYTES);
const outgoing: Memory = allocate(MAX_PACKET_BYTES);

/** What waits for the socket of a line: a reactor, or the event loop of the main thread (see there). */
export interface LineLoop {
  adopt(fd: number): void;
  register(fd: number, interest: number, handler: ReadinessHandler): void;
  modify(fd: number, interest: number): void;
  close(fd: number): void;
}

export interface PacketHandler {
  /** `packet` is valid during the call; the descriptor is the handler's from now on. */
  onPacket(packet: Uint8Array, descriptor: number | undefined): void;
  /** The peer has closed, or the line is broken. Called once, unless `close` was called before. */
  onEnd(error: AmbitError | undefined): void;
}

/** One connected SOCK_SEQPACKET socket. */
export class PacketLine implements Line, ReadinessHandler {
  readonly #loop: LineLoop;
  readonly #fd: number;
  readonly #handler: PacketHandler;
  #open = true;
  #paused = false;

  /** Takes ownership of the descriptor. */
  constructor(loop: LineLoop, fd: number, handler: PacketHandler) {
    this.#loop = loop;
    this.#fd = fd;
    this.#handler = handler;
    loop.adopt(fd);
    loop.register(fd, EPOLLIN, this);
  }

  send(packet: Uint8Array, descriptor: number | undefined): void {
    outgoing.bytes.set(packet);
    const sent = sendPacket(this.#fd, outgoing.address, packet.length, descriptor === undefined ? [] : [descriptor]);
    // One message is under way at a time, so a full queue means that the peer does not read at all.
    if (sent < 0) throw new SystemCallError('sendmsg', -sent, 'ZDS');
  }

  /** Reads nothing more until `resume`; a peer that closes meanwhile is noticed then. */
  pause(): void {
    this.#paused = true;
    if (this.#open) this.#loop.modify(this.#fd, 0);
  }

  resume(): void {
    this.#paused = false;
    if (this.#open) this.#loop.modify(this.#fd, EPOLLIN);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#loop.close(this.#fd);
  }

  onReady(): void {
    while (this.#open && !this.#paused) {
      const length = receivePacket(this.#fd, incoming.address, MAX_PACKET_BYTES, MAX_DESCRIPTORS);
      if (length === -EAGAIN) return;
      if (length < 0)
        return this.#end(protocolError(`a ZDS packet was lost: ${new SystemCallError('recvmsg', -length).message}`));
      if (length === 0) return this.#end(undefined);
      const [descriptor] = takeDescriptors();
      this.#handler.onPacket(incoming.bytes.subarray(0, length), descriptor);
    }
  }

  destroy(error: AmbitError): void {
    this.#end(error);
  }

  #end(error: AmbitError | undefined): void {
    if (!this.#open) return;
    this.close();
    this.#handler.onEnd(error);
  }
}

/** Closes a descriptor that came with a message that has none. */
export function discard(descriptor: number | undefined): void {
  if (descriptor !== undefined) close(descriptor);
}
