import { allocate, type Memory } from '@ambit/native/memory';
import type { Http2Stream } from '@ambit/http/h2/stream';
import type { HboneConnection, StreamOwner } from './connection.ts';

const NOTHING = Buffer.alloc(0);

/** What a peer sends on a tunnel before a relay takes it over; bounded by the stream's window, which stays closed meanwhile. */
export class EarlyBytes {
  readonly #pieces: Memory[] = [];
  #ended = false;

  add(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    if (end > start) {
      const piece = allocate(end - start);
      bytes.copy(piece.bytes, 0, start, end);
      this.#pieces.push(piece);
    }
    this.#ended ||= endStream;
  }

  /** Hands everything to the stream's new owner, as if it came now. */
  replay(owner: StreamOwner): void {
    const pieces = this.#pieces.splice(0);
    pieces.forEach(({ bytes, address }, index) => {
      owner.onData(bytes, address, 0, bytes.length, this.#ended && index === pieces.length - 1);
    });
    if (pieces.length === 0 && this.#ended) owner.onData(NOTHING, 0, 0, 0, true);
  }

  /** Gives the window back; the tunnel did not come about. */
  discard(connection: HboneConnection, stream: Http2Stream<StreamOwner>): void {
    for (const { bytes } of this.#pieces.splice(0)) connection.delivered(stream, bytes.length);
  }
}
