import type { Http2Stream } from '../stream.ts';

/** Streams that wait for the connection (its window or its output), served in turn. */
export class SendQueue<Owner> {
  #streams: Http2Stream<Owner>[] = [];
  #first = 0;

  get length(): number {
    return this.#streams.length - this.#first;
  }

  add(stream: Http2Stream<Owner>): void {
    if (stream.queued) return;
    stream.queued = true;
    this.#streams.push(stream);
  }

  /** The stream that waited longest; closed ones come out like any other. */
  take(): Http2Stream<Owner> | undefined {
    const stream = this.#streams[this.#first];
    if (stream === undefined) return undefined;
    stream.queued = false;
    this.#first++;
    if (this.#first === this.#streams.length) {
      this.#streams.length = 0;
      this.#first = 0;
    } else if (this.#first > 256) {
      this.#streams.splice(0, this.#first);
      this.#first = 0;
    }
    return stream;
  }
}
