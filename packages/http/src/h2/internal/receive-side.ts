import { HpackDecoder } from '../../hpack/decoder.ts';
import { MAX_HEADER_BLOCK_BYTES, MAX_INTERIM_RESPONSES } from '../../limits.ts';
import type { ResolvedOptions } from '../connection-options.ts';
import { Http2ConnectionError } from '../errors.ts';
import { DEFAULT_WINDOW_BYTES, ErrorCode, Flag, FrameType, readUint31, readUint32 } from '../frames.ts';
import type { Http2Handler } from '../handler.ts';
import { checkRequest, checkResponse, checkTrailers, type FieldFacts, type FieldList } from '../message-fields.ts';
import type { Http2Stream } from '../stream.ts';
import type { FloodGuard } from './flood-guard.ts';
import type { FrameConsumer } from './frame-reader.ts';
import { HeaderBlock } from './header-block.ts';
import type { HeaderWriter } from './header-writer.ts';
import type { FrameOutput } from './output.ts';
import type { SendSide } from './send-side.ts';
import type { StreamTable } from './stream-table.ts';

/** Part of a window that has to be given back before a WINDOW_UPDATE is worth a frame. */
const REPORT_SHARE = 4;

/** Takes the frames of streams; those of the connection (SETTINGS, PING, GOAWAY) it hands on. */
export interface ConnectionFrames {
  onSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
  onPing(flags: number, streamId: number, bytes: Buffer, start: number): void;
  onGoAway(streamId: number, bytes: Buffer, start: number, end: number): void;
}

/** What arrives on streams: their states, header sections, content and the windows we gave (RFC 9113 5.1, 6, 8.1). */
export class ReceiveSide<Owner> implements FrameConsumer {
  receivedBytes = 0;
  readonly #options: ResolvedOptions;
  readonly #table: StreamTable<Owner>;
  readonly #handler: Http2Handler<Owner>;
  readonly #output: FrameOutput;
  readonly #headers: HeaderWriter;
  readonly #sendSide: SendSide<Owner>;
  readonly #floods: FloodGuard;
  readonly #connection: ConnectionFrames;
  readonly #decoder: HpackDecoder = new HpackDecoder();
  readonly #block: HeaderBlock;
  readonly #facts: FieldFacts = { problem: undefined, single: 0, contentLength: -1, connect: false, status: 0 };
  #window: number;
  /** Octets given back that no WINDOW_UPDATE of the connection has told the peer yet. */
  #unreported = 0;
  /** Stream of the DATA frame at hand; undefined when its content is skipped. */
  #dataStream: Http2Stream<Owner> | undefined;
  #dataEndsStream = false;

  constructor(
    options: ResolvedOptions,
    table: StreamTable<Owner>,
    handler: Http2Handler<Owner>,
    output: FrameOutput,
    headers: HeaderWriter,
    sendSide: SendSide<Owner>,
    floods: FloodGuard,
    connection: ConnectionFrames,
  ) {
    this.#options = options;
    this.#table = table;
    this.#handler = handler;
    this.#output = output;
    this.#headers = headers;
    this.#sendSide = sendSide;
    this.#floods = floods;
    this.#connection = connection;
    this.#block = new HeaderBlock(MAX_HEADER_BLOCK_BYTES);
    this.#window = Math.max(DEFAULT_WINDOW_BYTES, options.connectionWindow);
  }

  get ended(): boolean {
    return this.#table.ended;
  }

  /** A header block has begun and is incomplete. */
  get inHead(): boolean {
    return this.#block.streamId !== 0;
  }

  /** Raises the connection's window from the protocol's default to ours. */
  announceWindow(): void {
    if (this.#window > DEFAULT_WINDOW_BYTES) {
      this.#output.number(FrameType.windowUpdate, 0, this.#window - DEFAULT_WINDOW_BYTES);
    }
  }

  releaseStream(stream: Http2Stream<Owner>, size: number): void {
    if (stream.closed || stream.remoteEnded) return;
    stream.unreported += size;
    if (stream.unreported * REPORT_SHARE < this.#options.streamWindow) return;
    this.#output.number(FrameType.windowUpdate, stream.id, stream.unreported);
    stream.receiveWindow += stream.unreported;
    stream.unreported = 0;
  }

  releaseConnection(size: number): void {
    this.#unreported += size;
    if (this.#unreported * REPORT_SHARE < this.#options.connectionWindow) return;
    this.#output.number(FrameType.windowUpdate, 0, this.#unreported);
    this.#window += this.#unreported;
    this.#unreported = 0;
  }

  onDataFrame(streamId: number, length: number, flags: number): void {
    this.#forbidInterruption();
    if (streamId === 0) throw protocolError('DATA on stream 0');
    this.#window -= length;
    if (this.#window < 0) {
      throw new Http2ConnectionError(ErrorCode.flowControlError, 'DATA beyond the window of the connection');
    }
    this.#dataEndsStream = (flags & Flag.endStream) !== 0;
    const stream = this.#table.streams.get(streamId);
    this.#dataStream = stream;
    if (stream === undefined) return this.#onLateFrame(streamId, 'DATA');
    stream.receiveWindow -= length;
    if (stream.remoteEnded) this.#sendSide.streamError(stream, ErrorCode.streamClosed);
    else if (stream.receiveWindow < 0) this.#sendSide.streamError(stream, ErrorCode.flowControlError);
    else if (!stream.headersReceived) this.#sendSide.streamError(stream, ErrorCode.protocolError);
  }

  onPadding(length: number): void {
    this.releaseConnection(length);
    const stream = this.#dataStream;
    if (stream !== undefined && !this.#dataEndsStream) this.releaseStream(stream, length);
  }

  onDataPiece(bytes: Buffer, start: number, end: number, last: boolean): void {
    const stream = this.#dataStream;
    const size = end - start;
    if (stream === undefined || stream.closed) return this.releaseConnection(size);
    const endStream = last && this.#dataEndsStream;
    this.receivedBytes += size;
    if (stream.remainingLength >= 0) {
      stream.remainingLength -= size;
      if (stream.remainingLength < 0 || (endStream && stream.remainingLength > 0)) {
        this.releaseConnection(size);
        return this.#sendSide.streamError(stream, ErrorCode.protocolError);
      }
    }
    if (endStream) stream.remoteEnded = true;
    else if (size === 0) return this.#floods.idleFrame();
    this.#handler.onData(stream, bytes, start, end, endStream);
    if (endStream && stream.localEnded) this.#table.remove(stream, 'ended');
  }

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (type !== FrameType.continuation) this.#forbidInterruption();
    switch (type) {
      case FrameType.headers:
        if (streamId === 0) throw protocolError('HEADERS on stream 0');
        if (this.#block.begin(flags, streamId, bytes, start, end)) this.#onBlock(streamId);
        return;
      case FrameType.continuation:
        if (streamId === 0 || streamId !== this.#block.streamId) throw protocolError('CONTINUATION without HEADERS');
        if (this.#block.continue(flags, bytes, start, end)) this.#onBlock(streamId);
        return;
      case FrameType.priority:
        return this.#onPriority(streamId, bytes, start, end);
      case FrameType.resetStream:
        return this.#onResetStream(streamId, readUint32(bytes, start));
      case FrameType.settings:
        return this.#connection.onSettings(flags, streamId, bytes, start, end);
      case FrameType.pushPromise:
        throw protocolError('PUSH_PROMISE, which we do not take');
      case FrameType.ping:
        return this.#connection.onPing(flags, streamId, bytes, start);
      case FrameType.goAway:
        return this.#connection.onGoAway(streamId, bytes, start, end);
      case FrameType.windowUpdate:
        return this.#onWindowUpdate(streamId, readUint31(bytes, start));
      default:
        this.#floods.idleFrame();
    }
  }

  /** Nothing may stand between HEADERS and its CONTINUATION (RFC 9113 6.10). */
  #forbidInterruption(): void {
    if (this.#block.streamId !== 0) throw protocolError('a frame between HEADERS and its CONTINUATION');
  }

  #onBlock(streamId: number): void {
    const block = this.#block;
    const known = this.#table.streams.get(streamId);
    const fresh = known === undefined && this.#table.isFresh(streamId);
    const fields: string[] = [];
    // Blocks nobody wants are decoded too: the compression state depends on them.
    const limit = known === undefined && !fresh ? 0 : this.#options.maxHeaderListSize;
    const outcome = this.#decoder.decode(block.bytes, block.start, block.end, limit, fields);
    if (known === undefined) {
      if (!fresh) this.#onLateFrame(streamId, 'HEADERS');
      else if (this.#admits(streamId))
        this.#onRequest(streamId, fields, outcome === 'complete' && !block.selfDependent, outcome === 'too-large');
      return;
    }
    if (known.remoteEnded) return this.#sendSide.streamError(known, ErrorCode.streamClosed);
    if (outcome === 'too-large') return this.#sendSide.streamError(known, ErrorCode.enhanceYourCalm);
    if (outcome === 'malformed' || block.selfDependent)
      return this.#sendSide.streamError(known, ErrorCode.protocolError);
    if (known.headersReceived) this.#onTrailers(known, fields);
    else this.#onResponse(known, fields);
  }

  /** Whether a stream the client opens is served at all. */
  #admits(streamId: number): boolean {
    const table = this.#table;
    table.highestPeerId = streamId;
    if (streamId > table.lastAccepted) {
      // Some may have crossed our GOAWAY; one who never stops is decoded for nothing.
      this.#floods.idleFrame();
      return false;
    }
    if (table.streams.size < this.#options.maxConcurrentStreams) return true;
    this.#output.number(FrameType.resetStream, streamId, ErrorCode.refusedStream);
    table.forget(streamId);
    this.#floods.reset();
    return false;
  }

  #onRequest(streamId: number, fields: FieldList, wellFormed: boolean, tooLarge: boolean): void {
    if (tooLarge) return this.#refuse(streamId, 431, ErrorCode.noError, 'a header list that is too large');
    checkRequest(fields, this.#facts, this.#options.connectProtocol);
    if (!wellFormed || this.#facts.problem !== undefined) {
      const problem = wellFormed ? this.#facts.problem : 'an illegal character in a field';
      return this.#refuse(streamId, 400, ErrorCode.protocolError, problem ?? '');
    }
    const stream = this.#table.add(streamId, this.#sendSide.initialWindow);
    stream.headersReceived = true;
    stream.connectRequest = this.#facts.connect;
    stream.remainingLength = this.#facts.contentLength;
    if (this.#endsHere(stream)) this.#handler.onHeaders(stream, fields, stream.remoteEnded);
    this.#removeIfEnded(stream);
  }

  /** Answers a request that the owner never hears of (RFC 9113 8.1.1). */
  #refuse(streamId: number, status: number, errorCode: number, problem: string): void {
    this.#headers.write(streamId, [':status', String(status)], true);
    this.#output.number(FrameType.resetStream, streamId, errorCode);
    this.#table.forget(streamId);
    this.#floods.reset();
    this.#handler.onRefused?.(status, problem);
  }

  #onResponse(stream: Http2Stream<Owner>, fields: FieldList): void {
    const facts = this.#facts;
    checkResponse(fields, facts);
    const interim = facts.status < 200;
    const contradicts = facts.contentLength > 0 && (interim || facts.status === 204) && !stream.connectRequest;
    if (facts.problem !== undefined || contradicts || (interim && this.#block.endStream)) {
      return this.#sendSide.streamError(stream, ErrorCode.protocolError);
    }
    if (interim) {
      if (++stream.interims > MAX_INTERIM_RESPONSES) {
        return this.#sendSide.streamError(stream, ErrorCode.enhanceYourCalm);
      }
      return this.#handler.onInformational(stream, fields);
    }
    stream.headersReceived = true;
    const noContent = stream.headRequest || facts.status === 204 || facts.status === 304;
    if (stream.connectRequest && facts.status < 300) stream.remainingLength = -1;
    else stream.remainingLength = noContent ? 0 : facts.contentLength;
    if (this.#endsHere(stream)) this.#handler.onHeaders(stream, fields, stream.remoteEnded);
    this.#removeIfEnded(stream);
  }

  #onTrailers(stream: Http2Stream<Owner>, fields: FieldList): void {
    checkTrailers(fields, this.#facts);
    if (this.#facts.problem !== undefined || !this.#block.endStream) {
      return this.#sendSide.streamError(stream, ErrorCode.protocolError);
    }
    if (this.#endsHere(stream)) this.#handler.onTrailers(stream, fields);
    this.#removeIfEnded(stream);
  }

  /** Takes over the END_STREAM of the block at hand; false when content is missing that was declared. */
  #endsHere(stream: Http2Stream<Owner>): boolean {
    if (!this.#block.endStream) return true;
    if (stream.remainingLength > 0) {
      this.#sendSide.streamError(stream, ErrorCode.protocolError);
      return false;
    }
    stream.remoteEnded = true;
    return true;
  }

  #removeIfEnded(stream: Http2Stream<Owner>): void {
    if (stream.remoteEnded && stream.localEnded) this.#table.remove(stream, 'ended');
  }

  /** DATA or HEADERS on a stream that is not open (RFC 9113 5.1). */
  #onLateFrame(streamId: number, frame: string): void {
    if (this.#table.isIdle(streamId)) throw protocolError(`${frame} on stream ${streamId}, which was never opened`);
    if (this.#table.wasSkipped(streamId))
      throw protocolError(`${frame} on stream ${streamId} below one that was opened`);
    const ending = this.#table.endingOf(streamId);
    if (ending === 'ended') {
      throw new Http2ConnectionError(ErrorCode.streamClosed, `${frame} on stream ${streamId} after its end`);
    }
    if (ending === 'reset-by-peer') {
      this.#output.number(FrameType.resetStream, streamId, ErrorCode.streamClosed);
      this.#floods.reset();
    } else {
      this.#floods.idleFrame();
    }
  }

  #onPriority(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) throw protocolError('PRIORITY on stream 0');
    this.#floods.idleFrame();
    const stream = this.#table.streams.get(streamId);
    const wrongSize = end - start !== 5;
    if (wrongSize && stream === undefined) {
      throw new Http2ConnectionError(ErrorCode.frameSizeError, 'PRIORITY whose length is not 5');
    }
    if (!wrongSize && readUint31(bytes, start) !== streamId) return;
    const errorCode = wrongSize ? ErrorCode.frameSizeError : ErrorCode.protocolError;
    if (stream !== undefined) this.#sendSide.streamError(stream, errorCode);
    else if (this.#table.isIdle(streamId)) throw protocolError(`stream ${streamId} depends on itself`);
  }

  #onResetStream(streamId: number, errorCode: number): void {
    if (streamId === 0) throw protocolError('RST_STREAM on stream 0');
    const stream = this.#table.streams.get(streamId);
    if (stream === undefined) {
      if (this.#table.isIdle(streamId)) throw protocolError(`RST_STREAM on stream ${streamId}, which was never opened`);
      return this.#floods.idleFrame();
    }
    const unanswered = this.#table.server && !stream.headersSent;
    this.#table.remove(stream, 'reset-by-peer', errorCode);
    if (unanswered) this.#floods.reset();
  }

  #onWindowUpdate(streamId: number, increment: number): void {
    this.#floods.windowUpdate();
    if (streamId === 0) {
      if (increment === 0) throw protocolError('WINDOW_UPDATE of the connection by 0');
      return this.#sendSide.openConnectionWindow(increment);
    }
    const stream = this.#table.streams.get(streamId);
    if (stream === undefined) {
      if (this.#table.isIdle(streamId))
        throw protocolError(`WINDOW_UPDATE on stream ${streamId}, which was never opened`);
      return;
    }
    if (increment === 0) this.#sendSide.streamError(stream, ErrorCode.protocolError);
    else this.#sendSide.openStreamWindow(stream, increment);
  }
}

function protocolError(problem: string): Http2ConnectionError {
  return new Http2ConnectionError(ErrorCode.protocolError, problem);
}
