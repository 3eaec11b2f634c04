import koffi from 'koffi';

/**
 * Bytes with a fixed address that native calls may read and write. The address holds as long as `bytes` is referenced:
 * whoever passes the address to something that outlives the call keeps the object.
 */
export interface Memory {
  readonly bytes: Buffer;
  readonly address: number;
}

/** Zeroed memory outside the JavaScript heap, never moved nor resized. */
export function allocate(size: number): Memory {
  const bytes = Buffer.from(new ArrayBuffer(size));
  return { bytes, address: Number(koffi.address(bytes)) };
}

/** `text` as a NUL-terminated UTF-8 C string. */
export function cString(text: string): Memory {
  const memory = allocate(Buffer.byteLength(text) + 1);
  memory.bytes.write(text);
  return memory;
}

/** The pointer stored at `offset`; user-space addresses are below 2^53. */
export function readPointer(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 0x1_0000_0000;
}

export function writePointer(bytes: Buffer, offset: number, address: number): void {
  bytes.writeUInt32LE(address % 0x1_0000_0000, offset);
  bytes.writeUInt32LE(Math.floor(address / 0x1_0000_0000), offset + 4);
}
