import { MAX_CONTROL_BACKLOG_BYTES } from '../../limits.ts';
import type { OutputSink } from '../output-sink.ts';
import { FRAME_HEADER_BYTES, writeFrameHeader, writeUint32 } from '../frames.ts';

const INITIAL_BACKLOG_BYTES = 4096;

/**
 * Writes frames to the sink. What finds no room (the peer does not read) waits in a bounded backlog, in order;
 * DATA never enters it.
 */
export class FrameOutput {
  readonly sink: OutputSink;
  /** A frame was lost because the backlog is full: the peer does not read, and the connection is beyond repair. */
  overflowed = false;
  /** Where the frame at hand is to be written: set by `place`. */
  #bytes: Buffer;
  #at = 0;
  #backlog: Buffer | undefined;
  #backlogStart = 0;
  #backlogEnd = 0;

  constructor(sink: OutputSink) {
    this.sink = sink;
    this.#bytes = sink.bytes;
  }

  /** True while frames wait that found no room: nothing may overtake them. */
  get backlogged(): boolean {
    return this.#backlog !== undefined;
  }

  /** Moves waiting frames to the sink as far as they fit; true when none is left. */
  drain(): boolean {
    const backlog = this.#backlog;
    if (backlog === undefined) return true;
    const sink = this.sink;
    while (this.#backlogStart < this.#backlogEnd) {
      let size = Math.min(this.#backlogEnd - this.#backlogStart, 16_384);
      if (!sink.room(size)) {
        size = 1;
        if (!sink.room(size)) return false;
        size = Math.min(this.#backlogEnd - this.#backlogStart, sink.bytes.length - sink.end);
      }
      backlog.copy(sink.bytes, sink.end, this.#backlogStart, this.#backlogStart + size);
      sink.end += size;
      this.#backlogStart += size;
    }
    this.#backlog = undefined;
    this.#backlogStart = 0;
    this.#backlogEnd = 0;
    return true;
  }

  /** Drops what waits; the connection is over. */
  clear(): void {
    this.#backlog = undefined;
    this.#backlogStart = 0;
    this.#backlogEnd = 0;
  }

  /** Finds `size` octets in a row for one write and claims them; false when the backlog is full and the frame is lost. */
  #place(size: number): boolean {
    const sink = this.sink;
    if (this.#backlog === undefined && sink.room(size)) {
      this.#bytes = sink.bytes;
      this.#at = sink.end;
      sink.end += size;
      return true;
    }
    if (this.overflowed || this.#backlogEnd - this.#backlogStart + size > MAX_CONTROL_BACKLOG_BYTES) {
      this.overflowed = true;
      return false;
    }
    let backlog = this.#backlog;
    if (backlog === undefined) {
      backlog = Buffer.allocUnsafeSlow(Math.max(INITIAL_BACKLOG_BYTES, size));
    } else if (this.#backlogEnd + size > backlog.length) {
      const used = this.#backlogEnd - this.#backlogStart;
      const larger = used + size > backlog.length ? Buffer.allocUnsafeSlow((used + size) * 2) : backlog;
      backlog.copy(larger, 0, this.#backlogStart, this.#backlogEnd);
      this.#backlogStart = 0;
      this.#backlogEnd = used;
      backlog = larger;
    }
    this.#backlog = backlog;
    this.#bytes = backlog;
    this.#at = this.#backlogEnd;
    this.#backlogEnd += size;
    return true;
  }

  raw(source: Buffer): void {
    if (this.#place(source.length)) source.copy(this.#bytes, this.#at);
  }

  /** A frame whose payload is `payload[start, end)`. */
  frame(type: number, flags: number, streamId: number, payload: Buffer, start: number, end: number): void {
    const length = end - start;
    if (!this.#place(FRAME_HEADER_BYTES + length)) return;
    writeFrameHeader(this.#bytes, this.#at, length, type, flags, streamId);
    payload.copy(this.#bytes, this.#at + FRAME_HEADER_BYTES, start, end);
  }

  /** A frame without payload. */
  empty(type: number, flags: number, streamId: number): void {
    if (!this.#place(FRAME_HEADER_BYTES)) return;
    writeFrameHeader(this.#bytes, this.#at, 0, type, flags, streamId);
  }

  /** A frame whose payload is one 32-bit number: WINDOW_UPDATE, RST_STREAM. */
  number(type: number, streamId: number, value: number): void {
    if (!this.#place(FRAME_HEADER_BYTES + 4)) return;
    writeFrameHeader(this.#bytes, this.#at, 4, type, 0, streamId);
    writeUint32(this.#bytes, this.#at + FRAME_HEADER_BYTES, value);
  }
}
