import type { Http2Stream } from '@ambit/http/h2/stream';
import type { BufferPool } from '@ambit/reactor/buffer-pool';
import type { HboneConnection, StreamOwner } from './connection.ts';
import { HeldBytes } from './held-bytes.ts';

const NOTHING = Buffer.alloc(0);

/**
 * What a peer sends on a tunnel before a relay takes it over; bounded by the stream's window, which stays closed meanwhile.
 * Takes memory by the bytes, in however many frames they come.
 */
export class EarlyBytes {
  readonly #held: HeldBytes;
  #ended = false;

  constructor(buffers: BufferPool) {
    this.#held = new HeldBytes(buffers);
  }

  add(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.#held.add(bytes, start, end);
    this.#ended ||= endStream;
  }

  /** Hands everything to the stream's new owner, as if it came now. */
  replay(owner: StreamOwner): void {
    const held = this.#held;
    if (held.size === 0 && this.#ended) owner.onData(NOTHING, 0, 0, 0, true);
    while (held.size > 0) {
      const { bytes, address, start, length } = held;
      owner.onData(bytes, address - start, start, start + length, this.#ended && length === held.size);
      held.consume(length);
    }
  }

  /** Gives the window back; the tunnel did not come about. */
  discard(connection: HboneConnection, stream: Http2Stream<StreamOwner>): void {
    const { size } = this.#held;
    this.#held.clear();
    if (size > 0) connection.delivered(stream, size);
  }
}
