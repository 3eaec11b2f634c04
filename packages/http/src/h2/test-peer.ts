import { Http2Connection } from './connection.ts';
import type { Http2Options } from './connection-options.ts';
import type { Http2ConnectionError } from './errors.ts';
import { FRAME_HEADER_BYTES, readUint31, readUint32, writeFrameHeader } from './frames.ts';
import type { Http2Handler } from './handler.ts';
import type { FieldList } from './message-fields.ts';
import type { OutputSink } from './output-sink.ts';
import type { Http2Stream } from './stream.ts';

/** An output buffer in memory that the test empties by hand. */
export class MemorySink implements OutputSink {
  bytes: Buffer;
  end = 0;

  constructor(size: number = 1 << 18) {
    this.bytes = Buffer.alloc(size);
  }

  room(size: number): boolean {
    return this.end + size <= this.bytes.length;
  }

  take(): Buffer {
    const taken = Buffer.from(this.bytes.subarray(0, this.end));
    this.end = 0;
    return taken;
  }
}

/** One event as a test reads it. */
export type Seen = [event: string, streamId: number, ...rest: (string | number)[]];

/** A connection with a handler that notes what happens and gives every octet back at once (unless told otherwise). */
export class TestPeer implements Http2Handler<undefined> {
  readonly sink: MemorySink;
  readonly clock: { now: number } = { now: 0 };
  readonly connection: Http2Connection<undefined>;
  readonly seen: Seen[] = [];
  readonly content: Map<number, Buffer[]> = new Map();
  readonly heads: Map<number, FieldList> = new Map();
  readonly stream: Map<number, Http2Stream<undefined>> = new Map();
  error: Http2ConnectionError | undefined;
  holdsData = false;
  /** Called after each event was noted. */
  react: (event: string, stream: Http2Stream<undefined>) => void = () => undefined;

  constructor(options: Http2Options, sinkSize?: number) {
    this.sink = new MemorySink(sinkSize);
    this.connection = new Http2Connection<undefined>(this.sink, this, this.clock, options);
  }

  text(streamId: number): string {
    return Buffer.concat(this.content.get(streamId) ?? []).toString('latin1');
  }

  events(streamId: number): string[] {
    return this.seen
      .filter(([, id]) => id === streamId)
      .map(([event, , detail]) => (detail === undefined ? event : `${event} ${detail}`));
  }

  onHeaders(stream: Http2Stream<undefined>, fields: FieldList, endStream: boolean): void {
    this.heads.set(stream.id, fields);
    this.#note('headers', stream, endStream ? 'end' : undefined);
  }

  onInformational(stream: Http2Stream<undefined>, fields: FieldList): void {
    this.#note('informational', stream, fields[1]);
  }

  onTrailers(stream: Http2Stream<undefined>, fields: FieldList): void {
    this.#note('trailers', stream, fields.join('='));
  }

  onData(stream: Http2Stream<undefined>, bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const pieces = this.content.get(stream.id) ?? [];
    pieces.push(Buffer.from(bytes.subarray(start, end)));
    this.content.set(stream.id, pieces);
    if (!this.holdsData) this.connection.release(stream, end - start);
    if (endStream) this.#note('end', stream);
    else this.react('data', stream);
  }

  onReset(stream: Http2Stream<undefined>, errorCode: number, byPeer: boolean): void {
    this.#note(byPeer ? 'reset' : 'broken', stream, errorCode);
  }

  onStreamClosed(stream: Http2Stream<undefined>): void {
    this.#note('closed', stream);
  }

  onWritable(stream: Http2Stream<undefined>): void {
    this.#note('writable', stream);
  }

  onSettings(): void {
    this.seen.push(['settings', 0]);
  }

  onGoAway(lastStreamId: number, errorCode: number, debug: string): void {
    this.seen.push(['goaway', 0, lastStreamId, errorCode, debug]);
  }

  onPong(): void {
    this.seen.push(['pong', 0]);
  }

  onDrained(): void {
    this.seen.push(['drained', 0]);
  }

  onError(error: Http2ConnectionError): void {
    this.error = error;
    this.seen.push(['error', 0, error.errorCode]);
  }

  #note(event: string, stream: Http2Stream<undefined>, detail?: string | number): void {
    this.stream.set(stream.id, stream);
    this.seen.push(detail === undefined ? [event, stream.id] : [event, stream.id, detail]);
    this.react(event, stream);
  }
}

/** Hands over what both have written, in pieces of `pieceSize`, until neither has more to say. */
export function exchange(a: TestPeer, b: TestPeer, pieceSize: number = 1 << 20): void {
  for (let idle = 0; idle < 2; ) {
    idle = 0;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const bytes = from.sink.take();
      if (bytes.length === 0) idle++;
      for (let at = 0; at < bytes.length; at += pieceSize)
        to.connection.receive(bytes, at, Math.min(bytes.length, at + pieceSize));
      if (from.connection.wantsOutput) from.connection.outputDrained();
    }
  }
}

/** A client and a server that have exchanged their SETTINGS. */
export function connectedPair(
  client: Partial<Http2Options> = {},
  server: Partial<Http2Options> = {},
): [TestPeer, TestPeer] {
  const pair: [TestPeer, TestPeer] = [
    new TestPeer({ role: 'client', ...client }),
    new TestPeer({ role: 'server', ...server }),
  ];
  for (const peer of pair) peer.connection.start();
  exchange(...pair);
  return pair;
}

export interface RawFrame {
  type: number;
  flags: number;
  streamId: number;
  payload: Buffer;
}

export function rawFrame(type: number, flags: number, streamId: number, payload: Uint8Array | string = ''): Buffer {
  const content = typeof payload === 'string' ? Buffer.from(payload, 'hex') : payload;
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + content.length);
  writeFrameHeader(frame, 0, content.length, type, flags, streamId);
  frame.set(content, FRAME_HEADER_BYTES);
  return frame;
}

/** Cuts octets into frames, naively. */
export function framesOf(bytes: Buffer): RawFrame[] {
  const frames: RawFrame[] = [];
  for (let at = 0; at + FRAME_HEADER_BYTES <= bytes.length; ) {
    const length = readUint32(bytes, at) >>> 8;
    const payload = bytes.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + length);
    frames.push({ type: bytes[at + 3] ?? 0, flags: bytes[at + 4] ?? 0, streamId: readUint31(bytes, at + 5), payload });
    at += FRAME_HEADER_BYTES + length;
  }
  return frames;
}
