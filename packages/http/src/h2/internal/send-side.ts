import { CONTROL_RESERVE_BYTES, MIN_DATA_ROOM_BYTES } from '../../limits.ts';
import { Http2ConnectionError } from '../errors.ts';
import {
  DEFAULT_WINDOW_BYTES,
  ErrorCode,
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  MAX_31_BITS,
  writeFrameHeader,
} from '../frames.ts';
import type { Http2Handler } from '../handler.ts';
import type { FieldList } from '../message-fields.ts';
import type { PeerSettings } from '../peer-settings.ts';
import type { StaticBlock } from '../static-block.ts';
import type { Http2Stream } from '../stream.ts';
import type { FloodGuard } from './flood-guard.ts';
import type { HeaderWriter } from './header-writer.ts';
import type { FrameOutput } from './output.ts';
import { SendQueue } from './send-queue.ts';
import type { StreamTable } from './stream-table.ts';

/** What leaves: header sections, content within the peer's windows and the output's room, and whose turn it is (RFC 9113 5.2). */
export class SendSide<Owner> {
  /** Where the payload reserved last is to be written. */
  reservedAt = 0;
  sentBytes = 0;
  /** The output had no room for DATA; waits for `outputDrained`. */
  outputFull = false;
  #window: number = DEFAULT_WINDOW_BYTES;
  readonly #output: FrameOutput;
  readonly #headers: HeaderWriter;
  readonly #table: StreamTable<Owner>;
  readonly #peer: PeerSettings;
  readonly #floods: FloodGuard;
  readonly #handler: Http2Handler<Owner>;
  readonly #waiting: SendQueue<Owner> = new SendQueue();

  constructor(
    output: FrameOutput,
    headers: HeaderWriter,
    table: StreamTable<Owner>,
    peer: PeerSettings,
    floods: FloodGuard,
    handler: Http2Handler<Owner>,
  ) {
    this.#output = output;
    this.#headers = headers;
    this.#table = table;
    this.#peer = peer;
    this.#floods = floods;
    this.#handler = handler;
  }

  /** What a new stream may send. */
  get initialWindow(): number {
    return this.#peer.initialWindowSize;
  }

  /** The peer takes no content on any stream. */
  get windowClosed(): boolean {
    return this.#window <= 0;
  }

  sendHead(stream: Http2Stream<Owner>, fields: FieldList | StaticBlock, endStream: boolean): void {
    stream.headersSent = true;
    this.#floods.earnWindowUpdates();
    this.sendFields(stream, fields, endStream);
  }

  sendFields(stream: Http2Stream<Owner>, fields: FieldList | StaticBlock, endStream: boolean): void {
    this.#headers.write(stream.id, fields, endStream);
    if (endStream) this.#endLocal(stream);
  }

  reserve(stream: Http2Stream<Owner>, max: number, least: number): number {
    if (stream.closed || stream.localEnded) return 0;
    if (stream.sendWindow <= 0) {
      stream.waiting = true;
      return 0;
    }
    if (this.#window <= 0) return this.#await(stream);
    const sink = this.#output.sink;
    if (this.#output.backlogged || !sink.room(FRAME_HEADER_BYTES + least + CONTROL_RESERVE_BYTES)) {
      this.outputFull = true;
      return this.#await(stream);
    }
    this.reservedAt = sink.end + FRAME_HEADER_BYTES;
    const room = sink.bytes.length - this.reservedAt - CONTROL_RESERVE_BYTES;
    return Math.min(max, stream.sendWindow, this.#window, this.#peer.maxFrameSize, room);
  }

  commit(stream: Http2Stream<Owner>, size: number, endStream: boolean): void {
    const sink = this.#output.sink;
    writeFrameHeader(sink.bytes, sink.end, size, FrameType.data, endStream ? Flag.endStream : 0, stream.id);
    sink.end += FRAME_HEADER_BYTES + size;
    stream.sendWindow -= size;
    this.#window -= size;
    this.sentBytes += size;
    this.#floods.earnWindowUpdates();
    if (endStream) this.#endLocal(stream);
  }

  send(stream: Http2Stream<Owner>, bytes: Buffer, start: number, end: number, endStream: boolean): number {
    let at = start;
    while (at < end) {
      const size = this.reserve(stream, end - at, Math.min(end - at, MIN_DATA_ROOM_BYTES));
      if (size <= 0) return at - start;
      bytes.copy(this.#output.sink.bytes, this.reservedAt, at, at + size);
      at += size;
      this.commit(stream, size, endStream && at === end);
    }
    if (start === end && endStream) this.endStream(stream);
    return at - start;
  }

  endStream(stream: Http2Stream<Owner>): void {
    if (stream.closed || stream.localEnded) return;
    this.#output.empty(FrameType.data, Flag.endStream, stream.id);
    this.#endLocal(stream);
  }

  /** The peer broke a rule on one stream (RFC 9113 5.4.2). */
  streamError(stream: Http2Stream<Owner>, errorCode: number): void {
    this.#output.number(FrameType.resetStream, stream.id, errorCode);
    this.#table.remove(stream, 'reset-by-us', errorCode);
    this.#floods.reset();
  }

  /** SETTINGS moved the initial window of all streams (RFC 9113 6.9.2). */
  moveWindows(change: number): void {
    for (const stream of this.#table.streams.values()) {
      stream.sendWindow += change;
      if (stream.sendWindow > MAX_31_BITS) throw tooLarge('SETTINGS makes the window of a stream');
    }
    if (change <= 0) return;
    for (const stream of this.#table.streams.values()) this.#wakeStream(stream);
  }

  openConnectionWindow(increment: number): void {
    this.#window += increment;
    if (this.#window > MAX_31_BITS) throw tooLarge('WINDOW_UPDATE makes the window of the connection');
    this.wake();
  }

  openStreamWindow(stream: Http2Stream<Owner>, increment: number): void {
    stream.sendWindow += increment;
    if (stream.sendWindow > MAX_31_BITS) this.streamError(stream, ErrorCode.flowControlError);
    else this.#wakeStream(stream);
  }

  /** Lets streams that wait for the connection go on, each once, as long as there is something to give. */
  wake(): void {
    for (let left = this.#waiting.length; left > 0; left--) {
      if (this.#window <= 0 || this.outputFull || this.#output.backlogged) return;
      const stream = this.#waiting.take();
      if (stream === undefined) return;
      this.#wakeStream(stream);
    }
  }

  #wakeStream(stream: Http2Stream<Owner>): void {
    if (!stream.waiting || stream.queued || stream.closed || stream.sendWindow <= 0) return;
    stream.waiting = false;
    this.#handler.onWritable(stream);
  }

  #await(stream: Http2Stream<Owner>): 0 {
    stream.waiting = true;
    this.#waiting.add(stream);
    return 0;
  }

  #endLocal(stream: Http2Stream<Owner>): void {
    stream.localEnded = true;
    stream.waiting = false;
    if (stream.remoteEnded) this.#table.remove(stream, 'ended');
  }
}

function tooLarge(what: string): Http2ConnectionError {
  return new Http2ConnectionError(ErrorCode.flowControlError, `${what} larger than 2^31-1`);
}
