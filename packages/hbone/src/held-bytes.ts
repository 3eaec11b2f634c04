import type { Memory } from '@ambit/native/memory';
import type { BufferPool } from '@ambit/reactor/buffer-pool';
import { OUTPUT_BUFFER_BYTES } from '@ambit/reactor/limits';

const NOTHING = Buffer.alloc(0);

interface Chunk {
  readonly memory: Memory;
  start: number;
  end: number;
}

/** Bytes of one tunnel that its application has not taken yet, in order. How many is bounded by the stream's window. */
export class HeldBytes {
  readonly #buffers: BufferPool;
  readonly #chunks: Chunk[] = [];
  /** Bytes in it. */
  size = 0;

  constructor(buffers: BufferPool) {
    this.#buffers = buffers;
  }

  /** Keeps a copy of `bytes[start, end)`. */
  add(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      let chunk = this.#chunks.at(-1);
      if (chunk === undefined || chunk.end === chunk.memory.bytes.length) chunk = this.#grow(end - at);
      const count = Math.min(end - at, chunk.memory.bytes.length - chunk.end);
      bytes.copy(chunk.memory.bytes, chunk.end, at, at + count);
      chunk.end += count;
      at += count;
    }
    this.size += end - start;
  }

  /** Native address of the first bytes. */
  get address(): number {
    const chunk = this.#chunks[0];
    return chunk === undefined ? 0 : chunk.memory.address + chunk.start;
  }

  /** The memory in which the first bytes lie, and where in it they begin. */
  get bytes(): Buffer {
    return this.#chunks[0]?.memory.bytes ?? NOTHING;
  }

  get start(): number {
    return this.#chunks[0]?.start ?? 0;
  }

  /** How many of the first bytes lie in one piece. */
  get length(): number {
    const chunk = this.#chunks[0];
    return chunk === undefined ? 0 : chunk.end - chunk.start;
  }

  /** Drops the first `count` bytes, at most `length`. */
  consume(count: number): void {
    const chunk = this.#chunks[0];
    if (chunk === undefined) return;
    chunk.start += count;
    this.size -= count;
    if (chunk.start < chunk.end) return;
    this.#chunks.shift();
    this.#buffers.giveBack(chunk.memory);
  }

  /** Drops everything. */
  clear(): void {
    for (const chunk of this.#chunks) this.#buffers.giveBack(chunk.memory);
    this.#chunks.length = 0;
    this.size = 0;
  }

  /** A little waits in little memory, because many stuck streams may hold a little each. */
  #grow(needed: number): Chunk {
    const memory = this.#buffers.lend(this.size > 0 ? OUTPUT_BUFFER_BYTES : Math.min(needed, OUTPUT_BUFFER_BYTES));
    const chunk: Chunk = { memory, start: 0, end: 0 };
    this.#chunks.push(chunk);
    return chunk;
  }
}
