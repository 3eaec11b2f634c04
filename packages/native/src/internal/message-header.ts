import { type Memory, allocate, readPointer, writePointer } from '../memory.ts';

/**
 * struct msghdr and its parts as laid out on 64-bit Linux (glibc and musl agree in little-endian):
 * name pointer 0, name length 8, vector pointer 16, vector count 24, control pointer 32, control length 40, flags 48.
 */
export const MESSAGE_HEADER_BYTES = 56;
/** struct cmsghdr {size_t length; int level; int type}; data follows, the whole is padded to 8. */
export const CONTROL_HEADER_BYTES = 16;

export const MSG_CTRUNC = 0x8;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_CMSG_CLOEXEC = 0x4000_0000;

/** One reusable message: a name, one piece of data that lies elsewhere, and room for control data. */
export class MessageHeader {
  readonly address: number;
  readonly name: Memory;
  readonly control: Memory;
  readonly #header: Memory = allocate(MESSAGE_HEADER_BYTES);
  readonly #vector: Memory = allocate(16);

  constructor(nameBytes: number, controlBytes: number) {
    this.address = this.#header.address;
    this.name = allocate(nameBytes);
    this.control = allocate(controlBytes);
    writePointer(this.#header.bytes, 16, this.#vector.address);
    this.#header.bytes.writeUInt32LE(1, 24);
  }

  /** Points the message at `length` bytes at `address`, with the given lengths of name and control data. */
  set(address: number, length: number, nameLength: number, controlLength: number): void {
    writePointer(this.#vector.bytes, 0, address);
    writePointer(this.#vector.bytes, 8, length);
    const header = this.#header.bytes;
    writePointer(header, 0, nameLength === 0 ? 0 : this.name.address);
    header.writeUInt32LE(nameLength, 8);
    writePointer(header, 32, controlLength === 0 ? 0 : this.control.address);
    writePointer(header, 40, controlLength);
    header.writeInt32LE(0, 48);
  }

  get flags(): number {
    return this.#header.bytes.readInt32LE(48);
  }

  get nameLength(): number {
    return this.#header.bytes.readUInt32LE(8);
  }

  /** Length of the control data that came. */
  get controlLength(): number {
    return readPointer(this.#header.bytes, 40);
  }
}

export function controlSpace(dataBytes: number): number {
  return CONTROL_HEADER_BYTES + Math.ceil(dataBytes / 8) * 8;
}
