import { type Memory, allocate } from '@ambit/native/memory';
import { OUTPUT_BUFFERS_KEPT, OUTPUT_BUFFER_BYTES } from './limits.ts';
import type { BufferLender } from './output-buffer.ts';

/** The loop's free list of output buffers: last in, first out, so that the warmest memory is used next. */
export class BufferPool implements BufferLender {
  readonly #free: Memory[] = [];
  #lent = 0;

  /** Buffers in use. */
  get lent(): number {
    return this.#lent;
  }

  lend(): Memory {
    this.#lent += 1;
    return this.#free.pop() ?? allocate(OUTPUT_BUFFER_BYTES);
  }

  giveBack(memory: Memory): void {
    this.#lent -= 1;
    if (this.#free.length < OUTPUT_BUFFERS_KEPT) this.#free.push(memory);
  }
}
