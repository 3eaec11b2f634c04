import type { Http2Stream } from '../stream.ts';

const LEAST_SWEEP = 512;

/** Streams that wait for the connection (its window or its output), served in turn. */
export class SendQueue<Owner> {
  #streams: Http2Stream<Owner>[] = [];
  #first = 0;
  /** Length at which streams that ended while they waited are swept out. */
  #sweepAt = LEAST_SWEEP;

  get length(): number {
    return this.#streams.length - this.#first;
  }

  add(stream: Http2Stream<Owner>): void {
    if (stream.queued) return;
    stream.queued = true;
    this.#streams.push(stream);
    if (this.#streams.length < this.#sweepAt) return;
    this.#streams = this.#streams.filter(({ closed }, index) => index >= this.#first && !closed);
    this.#first = 0;
    this.#sweepAt = Math.max(LEAST_SWEEP, this.#streams.length * 2);
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
    }
    return stream;
  }
}
