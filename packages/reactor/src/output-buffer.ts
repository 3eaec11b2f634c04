import type { Memory } from '@ambit/native/memory';
import { OUTPUT_BUFFER_BYTES } from './limits.ts';

/** Lends output buffers; one per loop. */
export interface BufferLender {
  /** At least `bytes`, at most `OUTPUT_BUFFER_BYTES`, which is the default. */
  lend(bytes?: number): Memory;
  giveBack(memory: Memory): void;
}

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Bytes a connection has still to send. Writers call `room(n)`, write at `bytes[end]` and advance `end`. The memory is
 * lent by the loop while there is something to send, so that an idle connection holds none: `bytes` and `address` may
 * be different after every `room`.
 */
export class OutputBuffer {
  bytes: Buffer = NOTHING;
  address = 0;
  /** First byte that is not sent yet. */
  start = 0;
  /** Where the next byte goes. */
  end = 0;
  /** True after `room` was refused and until the owner was told of new room. */
  refused = false;
  readonly #lender: BufferLender;
  readonly #onUse: () => void;
  #memory: Memory | undefined;
  #used = false;

  /** `onUse` is called once when the buffer gets into use after `settle`; the owner then arranges its flush. */
  constructor(lender: BufferLender, onUse: () => void) {
    this.#lender = lender;
    this.#onUse = onUse;
  }

  /** Makes `count` bytes writable at `end`, or returns false: the connection is full, wait for room. */
  room(count: number): boolean {
    if (!this.#used) {
      this.#used = true;
      this.#onUse();
    }
    if (this.end + count <= this.bytes.length) return true;
    return this.#make(count);
  }

  /** Bytes that `room` would grant now. */
  get free(): number {
    return OUTPUT_BUFFER_BYTES - (this.end - this.start);
  }

  /** Bytes waiting to be sent. */
  get waiting(): number {
    return this.end - this.start;
  }

  /** For the endpoint: everything is sent; gives the memory back. */
  settle(): void {
    this.#used = false;
    this.start = 0;
    this.end = 0;
    const memory = this.#memory;
    if (memory === undefined) return;
    this.#memory = undefined;
    this.bytes = NOTHING;
    this.address = 0;
    this.#lender.giveBack(memory);
  }

  #make(count: number): boolean {
    const waiting = this.end - this.start;
    const needed = waiting + count;
    if (needed > OUTPUT_BUFFER_BYTES) {
      this.refused = true;
      return false;
    }
    const before = this.#memory;
    if (before === undefined || needed > before.bytes.length) {
      const memory = this.#lender.lend(needed);
      if (before !== undefined) {
        before.bytes.copy(memory.bytes, 0, this.start, this.end);
        this.#lender.giveBack(before);
      }
      this.#memory = memory;
      this.bytes = memory.bytes;
      this.address = memory.address;
    } else {
      this.bytes.copyWithin(0, this.start, this.end);
    }
    this.start = 0;
    this.end = waiting;
    return true;
  }
}
