import { AmbitError } from '@ambit/core/errors';
import { close } from '@ambit/native/descriptor';
import { EAGAIN, SystemCallError } from '@ambit/native/errno';
import { allocate } from '@ambit/native/memory';
import { receivePacket, sendPacket, takeDescriptors } from '@ambit/native/unix-socket';
import { decodePacket, encodePacket, type KeeperPacket, PACKET_BYTES, PACKET_DESCRIPTORS } from './packets.ts';

export interface ReceivedPacket {
  readonly packet: KeeperPacket;
  /** Owned by the receiver. */
  readonly descriptors: readonly number[];
}

/** One half of the packet socket between keeper and proxy. Never blocks. */
export class PacketLine {
  readonly #fd: number;
  readonly #outgoing = allocate(PACKET_BYTES);
  readonly #incoming = allocate(PACKET_BYTES);

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** False when the other half has not taken earlier packets yet: try again later. Throws when it is gone. */
  send(packet: KeeperPacket, descriptors: readonly number[] = []): boolean {
    const bytes = encodePacket(packet);
    if (bytes.length > PACKET_BYTES)
      throw new AmbitError('AMBIT_KEEPER_PACKET', `a packet of ${bytes.length} bytes is too long`);
    bytes.copy(this.#outgoing.bytes);
    const sent = sendPacket(this.#fd, this.#outgoing.address, bytes.length, descriptors);
    if (sent >= 0) return true;
    if (sent === -EAGAIN) return false;
    throw new SystemCallError('sendmsg', -sent, 'line between keeper and proxy');
  }

  /** The next packet, `undefined` when none waits, or `closed` when the other half is gone. */
  receive(): ReceivedPacket | 'closed' | undefined {
    const length = receivePacket(this.#fd, this.#incoming.address, PACKET_BYTES, PACKET_DESCRIPTORS);
    if (length === -EAGAIN) return undefined;
    if (length <= 0) return 'closed';
    return { packet: decodePacket(this.#incoming.bytes.subarray(0, length)), descriptors: takeDescriptors() };
  }

  close(): void {
    close(this.#fd);
  }
}
