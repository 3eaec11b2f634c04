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

let text: Memory = allocate(256);

/**
 * The address of `value` as a NUL-terminated UTF-8 C string, valid until the next call. The module holds the memory:
 * a local object would be fair game for the collector as soon as only its address is in use.
 */
export function cString(value: string): number {
  const length = Buffer.byteLength(value);
  if (length >= text.bytes.length) text = allocate(length + 1);
  text.bytes.write(value);
  text.bytes[length] = 0;
  return text.address;
}

/** The pointer stored at `offset`; user-space addresses are below 2^53. */
export function readPointer(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 0x1_0000_0000;
}

export function writePointer(bytes: Buffer, offset: number, address: number): void {
  bytes.writeUInt32LE(address % 0x1_0000_0000, offset);
  bytes.writeUInt32LE(Math.floor(address / 0x1_0000_0000), offset + 4);
}
