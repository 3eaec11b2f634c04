import { type Memory, allocate } from '@ambit/native/memory';
import { OUTPUT_BUFFERS_KEPT, OUTPUT_BUFFER_BYTES, SMALL_BUFFERS_KEPT, SMALL_BUFFER_BYTES } from './limits.ts';
import type { BufferLender } from './output-buffer.ts';

/**
 * The loop's free lists of buffers in two sizes: last in, first out, so that the warmest memory is used next. Small
 * ones serve the many connections that say little; a connection that says more swaps for a large one.
 */
export class BufferPool implements BufferLender {
  readonly #small: Memory[] = [];
  readonly #large: Memory[] = [];
  #lent = 0;

  /** Buffers in use. */
  get lent(): number {
    return this.#lent;
  }

  /** Buffers that wait to be used again. */
  get free(): number {
    return this.#small.length + this.#large.length;
  }

  /** Whether a small one is among them. */
  get hasSmall(): boolean {
    return this.#small.length > 0;
  }

  /** Leaves those to the collector. */
  dropFree(): void {
    this.#small.length = 0;
    this.#large.length = 0;
  }

  lend(bytes: number = OUTPUT_BUFFER_BYTES): Memory {
    this.#lent += 1;
    if (bytes <= SMALL_BUFFER_BYTES) return this.#small.pop() ?? allocate(SMALL_BUFFER_BYTES);
    return this.#large.pop() ?? allocate(OUTPUT_BUFFER_BYTES);
  }

  giveBack(memory: Memory): void {
    this.#lent -= 1;
    if (memory.bytes.length === SMALL_BUFFER_BYTES) {
      if (this.#small.length < SMALL_BUFFERS_KEPT) this.#small.push(memory);
    } else if (this.#large.length < OUTPUT_BUFFERS_KEPT) {
      this.#large.push(memory);
    }
  }
}
