import { HpackError } from '../hpack/errors.ts';
import { MAX_HEADER_BLOCK_BYTES, MIN_DATA_ROOM_BYTES } from '../limits.ts';
import { type Http2Options, type ResolvedOptions, resolveOptions, settingsFrame } from './connection-options.ts';
import { Http2ConnectionError } from './errors.ts';
import {
  CLIENT_PREFACE,
  ErrorCode,
  Flag,
  FrameType,
  MAX_31_BITS,
  readUint31,
  readUint32,
  writeUint32,
} from './frames.ts';
import type { Http2Handler } from './handler.ts';
import { FloodGuard } from './internal/flood-guard.ts';
import { FrameReader } from './internal/frame-reader.ts';
import { HeaderWriter } from './internal/header-writer.ts';
import { FrameOutput } from './internal/output.ts';
import { type ConnectionFrames, ReceiveSide } from './internal/receive-side.ts';
import { SendSide } from './internal/send-side.ts';
import type { OpenStreams } from './internal/stream-map.ts';
import { StreamTable } from './internal/stream-table.ts';
import type { FieldList } from './message-fields.ts';
import type { OutputSink } from './output-sink.ts';
import { PeerSettings } from './peer-settings.ts';
import type { StaticBlock } from './static-block.ts';
import type { Http2Stream } from './stream.ts';
import type { TurnClock } from './turn-clock.ts';

/** Payloads of our PINGs: the owner's, and the one that tells when the peer has seen the first GOAWAY. */
const KEEPALIVE_PING = Buffer.from('ambitka\0', 'latin1');
const DRAIN_PING = Buffer.from('ambitdr\0', 'latin1');

/** Characters of a GOAWAY's explanation that are sent. */
const DEBUG_LENGTH = 200;

/**
 * One HTTP/2 connection (RFC 9113), either role, without I/O: octets in by `receive`, events out to the handler, frames out to
 * the sink. `reserveData`/`commitData` let content be written straight behind its frame header.
 * Calls with a stream that is over, or on a connection that is, do nothing. `onError` may come from within any call that writes.
 */
export class Http2Connection<Owner> {
  /** Streams that are not over, by id. */
  readonly streams: OpenStreams<Owner>;
  readonly peer: PeerSettings = new PeerSettings();
  readonly #options: ResolvedOptions;
  readonly #handler: Http2Handler<Owner>;
  readonly #table: StreamTable<Owner>;
  readonly #output: FrameOutput;
  readonly #headers: HeaderWriter;
  readonly #floods: FloodGuard;
  readonly #sendSide: SendSide<Owner>;
  readonly #receiveSide: ReceiveSide<Owner>;
  readonly #reader: FrameReader;

  constructor(sink: OutputSink, handler: Http2Handler<Owner>, clock: TurnClock, options: Http2Options) {
    const resolved = resolveOptions(options);
    const server = options.role === 'server';
    this.#options = resolved;
    this.#handler = handler;
    this.#floods = new FloodGuard(clock);
    this.#table = new StreamTable(server, handler, resolved.streamWindow, this.#floods);
    this.streams = this.#table.streams;
    this.#output = new FrameOutput(sink);
    this.#headers = new HeaderWriter(this.#output, resolved.huffman);
    this.#sendSide = new SendSide(this.#output, this.#headers, this.#table, this.peer, this.#floods, handler);
    const frames: ConnectionFrames = {
      onSettings: this.#onSettings.bind(this),
      onPing: this.#onPing.bind(this),
      onGoAway: this.#onGoAway.bind(this),
    };
    this.#receiveSide = new ReceiveSide(
      resolved,
      this.#table,
      handler,
      this.#output,
      this.#headers,
      this.#sendSide,
      this.#floods,
      frames,
    );
    this.#reader = new FrameReader(this.#receiveSide, {
      expectPreface: server,
      maxFrameSize: resolved.maxFrameSize,
      // Padding and priority come on top of the block.
      maxHeaderFrameSize: MAX_HEADER_BLOCK_BYTES + 261,
    });
  }

  /** The connection is over: nothing is read or written any more. */
  get ended(): boolean {
    return this.#table.ended;
  }

  /** Streams that may be opened now. Client only. */
  get openable(): number {
    return this.#table.openable(this.peer.maxConcurrentStreams);
  }

  /** `drain` is complete: the last GOAWAY is written and no stream is left. */
  get drained(): boolean {
    return this.#table.drained;
  }

  /** True when frames or streams wait for room in the sink: call `outputDrained` when there is. */
  get wantsOutput(): boolean {
    return this.#sendSide.outputFull || this.#output.backlogged;
  }

  /** A head has begun and is incomplete: nothing else can come before it is. */
  get inHead(): boolean {
    return !this.ended && (this.#reader.inHead || this.#receiveSide.inHead);
  }

  /** No stream can send content now: the connection's window is closed, or the sink is full. */
  get sendBlocked(): boolean {
    return this.#sendSide.windowClosed || this.wantsOutput;
  }

  /** Where the octets that `reserveData` gave are to be written in `sink.bytes`. */
  get reservedAt(): number {
    return this.#sendSide.reservedAt;
  }

  /** Octets of content sent, without padding. */
  get sentBytes(): number {
    return this.#sendSide.sentBytes;
  }

  /** Octets of content received, without padding. */
  get receivedBytes(): number {
    return this.#receiveSide.receivedBytes;
  }

  /** Writes what comes first: the preface (client) and SETTINGS with our limits and windows. */
  start(): void {
    if (!this.#table.server) this.#output.raw(CLIENT_PREFACE);
    this.#output.raw(settingsFrame(this.#options));
    this.#receiveSide.announceWindow();
  }

  /** Reads `bytes[start, end)`; false when the connection is over (then `onError` was called, now or before). */
  receive(bytes: Buffer, start: number, end: number): boolean {
    if (this.#table.ended) return false;
    try {
      this.#reader.receive(bytes, start, end);
    } catch (thrown) {
      if (thrown instanceof Http2ConnectionError) this.#fail(thrown);
      else if (thrown instanceof HpackError)
        this.#fail(new Http2ConnectionError(ErrorCode.compressionError, thrown.message));
      else throw thrown;
    }
    this.#checkOutput();
    return !this.ended;
  }

  /**
   * Opens a stream (client). `method` tells the rules for the response's length when it is CONNECT or HEAD.
   * Undefined when none may be opened: the peer's limit, GOAWAY, or the end of the connection.
   */
  request(
    fields: FieldList | StaticBlock,
    endStream: boolean,
    owner: Owner | undefined,
    method?: 'CONNECT' | 'HEAD',
  ): Http2Stream<Owner> | undefined {
    if (this.openable === 0) return undefined;
    const stream = this.#table.open(this.peer.initialWindowSize);
    stream.owner = owner;
    stream.connectRequest = method === 'CONNECT';
    stream.headRequest = method === 'HEAD';
    this.#sendSide.sendHead(stream, fields, endStream);
    this.#checkOutput();
    return stream;
  }

  /** Sends an interim response (1xx). */
  inform(stream: Http2Stream<Owner>, fields: FieldList | StaticBlock): void {
    if (stream.closed || stream.headersSent || this.ended) return;
    this.#sendSide.sendFields(stream, fields, false);
    this.#checkOutput();
  }

  /** Sends the response head. */
  respond(stream: Http2Stream<Owner>, fields: FieldList | StaticBlock, endStream: boolean): void {
    if (stream.closed || stream.headersSent || this.ended) return;
    this.#sendSide.sendHead(stream, fields, endStream);
    this.#checkOutput();
  }

  /** Sends trailers, which end our side. */
  sendTrailers(stream: Http2Stream<Owner>, fields: FieldList): void {
    if (stream.closed || stream.localEnded || this.ended) return;
    this.#sendSide.sendFields(stream, fields, true);
    this.#checkOutput();
  }

  /**
   * How many octets of content (at most `max`) may be written at `sink.bytes[reservedAt]` right now; nothing else may be called
   * before the `commitData` for them, which may be left out. 0: nothing can be sent, and `onWritable` will come.
   * `least` is the room in the sink worth having (default 4 KiB or `max`, whichever is less); the windows may allow less.
   */
  reserveData(stream: Http2Stream<Owner>, max: number, least: number = Math.min(max, MIN_DATA_ROOM_BYTES)): number {
    return this.ended ? 0 : this.#sendSide.reserve(stream, max, least);
  }

  /** Makes the first `size` octets of what `reserveData` gave a DATA frame. */
  commitData(stream: Http2Stream<Owner>, size: number, endStream: boolean): void {
    this.#sendSide.commit(stream, size, endStream);
  }

  /** Sends a copy of `bytes[start, end)` as far as possible; returns the octets taken. Ends our side only when all were. */
  sendData(stream: Http2Stream<Owner>, bytes: Buffer, start: number, end: number, endStream: boolean): number {
    return this.ended ? 0 : this.#sendSide.send(stream, bytes, start, end, endStream);
  }

  /** Ends our side without further content. Needs no window. */
  endStream(stream: Http2Stream<Owner>): void {
    if (this.ended) return;
    this.#sendSide.endStream(stream);
    this.#checkOutput();
  }

  /** Ends the stream at once in both directions. `onReset` is not called, `onStreamClosed` is. */
  resetStream(stream: Http2Stream<Owner>, errorCode: number): void {
    if (stream.closed || this.ended) return;
    this.#output.number(FrameType.resetStream, stream.id, errorCode);
    this.#table.remove(stream, 'reset-by-us');
    this.#checkOutput();
  }

  /** Gives back received octets: the stream's and the connection's share. */
  release(stream: Http2Stream<Owner>, size: number): void {
    this.releaseStream(stream, size);
    this.releaseConnection(size);
  }

  releaseStream(stream: Http2Stream<Owner>, size: number): void {
    if (!this.ended) this.#receiveSide.releaseStream(stream, size);
  }

  releaseConnection(size: number): void {
    if (!this.ended) this.#receiveSide.releaseConnection(size);
  }

  /** The sink has room again after `room` said no. */
  outputDrained(): void {
    if (this.ended || !this.#output.drain()) return;
    this.#sendSide.outputFull = false;
    this.#sendSide.wake();
  }

  /** Asks the peer for a sign of life: `onPong`. */
  ping(): void {
    if (this.ended) return;
    this.#output.frame(FrameType.ping, 0, 0, KEEPALIVE_PING, 0, 8);
    this.#checkOutput();
  }

  /**
   * Says goodbye without losing a request (RFC 9113 6.8): first a GOAWAY that refuses nothing, and when the peer has seen it
   * the real one. Open streams go on; `onDrained` comes when none is left.
   */
  drain(): void {
    if (this.ended || this.#table.draining !== 'no') return;
    this.#table.draining = 'announced';
    if (!this.#table.server) return this.#finishDrain();
    this.#writeGoAway(MAX_31_BITS, ErrorCode.noError, '');
    this.#output.frame(FrameType.ping, 0, 0, DRAIN_PING, 0, 8);
    this.#checkOutput();
  }

  /** Ends the connection: GOAWAY, and nothing is read or called any more. Streams stay in `streams` for the owner to end. */
  close(errorCode: number, debug = ''): void {
    if (this.ended) return;
    this.#writeGoAway(Math.min(this.#table.highestPeerId, this.#table.lastAccepted), errorCode, debug);
    this.#table.ended = true;
    this.#output.drain();
    this.#output.clear();
  }

  /** The transport is gone: as `close`, but nothing is written. */
  abort(): void {
    this.#table.ended = true;
    this.#output.clear();
  }

  #onSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new Http2ConnectionError(ErrorCode.protocolError, 'SETTINGS on a stream');
    if ((flags & Flag.ack) !== 0) {
      if (start === end) return this.#floods.idleFrame();
      throw new Http2ConnectionError(ErrorCode.frameSizeError, 'an acknowledgement of SETTINGS with content');
    }
    this.#floods.settings();
    const before = this.peer.initialWindowSize;
    this.peer.apply(bytes, start, end, !this.#table.server);
    this.#headers.maxFrameSize = this.peer.maxFrameSize;
    this.#headers.encoder.setPeerLimit(this.peer.headerTableSize);
    this.#output.empty(FrameType.settings, Flag.ack, 0);
    if (this.peer.initialWindowSize !== before) this.#sendSide.moveWindows(this.peer.initialWindowSize - before);
    this.#handler.onSettings();
  }

  #onPing(flags: number, streamId: number, bytes: Buffer, start: number): void {
    if (streamId !== 0) throw new Http2ConnectionError(ErrorCode.protocolError, 'PING on a stream');
    if ((flags & Flag.ack) === 0) {
      this.#floods.ping();
      this.#output.frame(FrameType.ping, Flag.ack, 0, bytes, start, start + 8);
    } else if (bytes.compare(KEEPALIVE_PING, 0, 8, start, start + 8) === 0) {
      this.#handler.onPong();
    } else if (this.#table.draining === 'announced' && bytes.compare(DRAIN_PING, 0, 8, start, start + 8) === 0) {
      this.#finishDrain();
    } else {
      this.#floods.idleFrame();
    }
  }

  #onGoAway(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new Http2ConnectionError(ErrorCode.protocolError, 'GOAWAY on a stream');
    this.#floods.idleFrame();
    this.#table.peerGoesAway = true;
    const last = readUint31(bytes, start);
    if (!this.#table.server) {
      for (const stream of this.streams.values()) {
        if (stream.id > last) this.#table.remove(stream, 'reset-by-peer', ErrorCode.refusedStream);
      }
    }
    this.#handler.onGoAway(last, readUint32(bytes, start + 4), bytes.toString('latin1', start + 8, end));
  }

  #finishDrain(): void {
    const table = this.#table;
    table.draining = 'final';
    table.lastAccepted = table.highestPeerId;
    this.#writeGoAway(table.lastAccepted, ErrorCode.noError, '');
    this.#checkOutput();
    table.tellDrained();
  }

  #writeGoAway(lastStreamId: number, errorCode: number, debug: string): void {
    const payload = Buffer.alloc(8 + Math.min(debug.length, DEBUG_LENGTH));
    writeUint32(payload, 0, lastStreamId);
    writeUint32(payload, 4, errorCode);
    payload.write(debug, 8, 'latin1');
    this.#output.frame(FrameType.goAway, 0, 0, payload, 0, payload.length);
  }

  #checkOutput(): void {
    if (!this.#output.overflowed || this.ended) return;
    this.#fail(new Http2ConnectionError(ErrorCode.enhanceYourCalm, 'the peer does not read what it asks for'));
  }

  #fail(error: Http2ConnectionError): void {
    if (this.ended) return;
    this.close(error.errorCode, error.message);
    this.#handler.onError(error);
  }
}
