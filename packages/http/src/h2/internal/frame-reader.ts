import { MAX_GOAWAY_DEBUG_BYTES, MAX_SETTINGS_BYTES } from '../../limits.ts';
import { Http2ConnectionError } from '../errors.ts';
import { CLIENT_PREFACE, ErrorCode, Flag, FRAME_HEADER_BYTES, FrameType, readUint31 } from '../frames.ts';

/** Who takes the frames. DATA comes in pieces as it arrives, every other frame whole. Offsets are valid during the call only. */
export interface FrameConsumer {
  /** A DATA frame of `length` octets (padding included) begins. */
  onDataFrame(streamId: number, length: number, flags: number): void;
  /** The pad length octet and padding, `length` octets that are no content. */
  onPadding(length: number): void;
  /** A piece of content; `last` when it completes the frame. A frame without content gives one empty last piece. */
  onDataPiece(bytes: Buffer, start: number, end: number, last: boolean): void;
  /** Any other frame, its length already checked against the frame size and, where the type fixes one, the type. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
  /** True once nothing more shall be read. */
  readonly ended: boolean;
}

export interface FrameReaderOptions {
  /** True for a server: the client's preface comes first. */
  expectPreface: boolean;
  /** SETTINGS_MAX_FRAME_SIZE we advertised. */
  maxFrameSize: number;
  /** Largest payload of HEADERS and CONTINUATION: a block larger than the header list is refused before it is kept. */
  maxHeaderFrameSize: number;
}

const EMPTY = Buffer.alloc(0);

/** Cuts the input into frames, in place, whatever the pieces it arrives in (RFC 9113 4.1). */
export class FrameReader {
  readonly #consumer: FrameConsumer;
  readonly #maxFrameSize: number;
  readonly #maxHeaderFrameSize: number;
  #prefaceLeft: number;
  #settingsSeen = false;

  /** Header of the frame at hand, collected when it arrives in pieces. */
  #header: Buffer = EMPTY;
  #headerLength = 0;

  /** Type of the frame at hand, -1 between frames. */
  #type = -1;
  #flags = 0;
  #streamId = 0;
  /** Payload octets still to come. */
  #left = 0;
  /** DATA: padding at the frame's end; -1 while its length octet is still to come. */
  #padding = 0;
  /** DATA: the empty or last piece has been handed over. */
  #dataDone = false;
  /** Other frames: the payload as far as it arrived, when it arrives in pieces. */
  #partial: Buffer | undefined;
  #partialLength = 0;
  /** Octets of the payload that are wanted at all (unknown types: none; GOAWAY: without most of its debug data). */
  #wanted = 0;

  constructor(consumer: FrameConsumer, options: FrameReaderOptions) {
    this.#consumer = consumer;
    this.#maxFrameSize = options.maxFrameSize;
    this.#maxHeaderFrameSize = options.maxHeaderFrameSize;
    this.#prefaceLeft = options.expectPreface ? CLIENT_PREFACE.length : 0;
  }

  /** The preface, or a frame of a header block, has begun and is incomplete; or nothing has come at all. */
  get inHead(): boolean {
    return this.#prefaceLeft > 0 || this.#type === FrameType.headers || this.#type === FrameType.continuation;
  }

  /** Reads `bytes[start, end)`. Throws Http2ConnectionError. */
  receive(bytes: Buffer, start: number, end: number): void {
    let at = start;
    if (this.#prefaceLeft > 0) at = this.#readPreface(bytes, at, end);
    while (at < end && !this.#consumer.ended) {
      if (this.#type < 0) {
        at = this.#readHeader(bytes, at, end);
        if (this.#type < 0) return;
        // A frame without payload is complete with its header.
        if (this.#left > 0) continue;
      }
      at = this.#type === FrameType.data ? this.#readData(bytes, at, end) : this.#readPayload(bytes, at, end);
    }
  }

  #readPreface(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#prefaceLeft > 0) {
      if (bytes[at] !== CLIENT_PREFACE[CLIENT_PREFACE.length - this.#prefaceLeft]) {
        throw new Http2ConnectionError(ErrorCode.protocolError, 'the peer does not begin with the HTTP/2 preface');
      }
      at++;
      this.#prefaceLeft--;
    }
    return at;
  }

  #readHeader(bytes: Buffer, start: number, end: number): number {
    let header = bytes;
    let at = start;
    let next = start + FRAME_HEADER_BYTES;
    if (this.#headerLength > 0 || next > end) {
      if (this.#header === EMPTY) this.#header = Buffer.alloc(FRAME_HEADER_BYTES);
      const size = Math.min(FRAME_HEADER_BYTES - this.#headerLength, end - start);
      bytes.copy(this.#header, this.#headerLength, start, start + size);
      this.#headerLength += size;
      next = start + size;
      if (this.#headerLength < FRAME_HEADER_BYTES) return next;
      this.#headerLength = 0;
      header = this.#header;
      at = 0;
    }
    const length = ((header[at] ?? 0) << 16) | ((header[at + 1] ?? 0) << 8) | (header[at + 2] ?? 0);
    this.#begin(length, header[at + 3] ?? 0, header[at + 4] ?? 0, readUint31(header, at + 5));
    return next;
  }

  #begin(length: number, type: number, flags: number, streamId: number): void {
    if (!this.#settingsSeen) {
      if (type !== FrameType.settings || (flags & Flag.ack) !== 0) {
        throw new Http2ConnectionError(ErrorCode.protocolError, 'the first frame of the peer is not SETTINGS');
      }
      this.#settingsSeen = true;
    }
    if (length > this.#maxFrameSize) {
      throw new Http2ConnectionError(
        ErrorCode.frameSizeError,
        `a frame of ${length} octets, allowed are ${this.#maxFrameSize}`,
      );
    }
    this.#type = type;
    this.#flags = flags;
    this.#streamId = streamId;
    this.#left = length;
    if (type === FrameType.data) {
      this.#dataDone = false;
      this.#padding = (flags & Flag.padded) !== 0 ? -1 : 0;
      if (this.#padding < 0 && length === 0) {
        throw new Http2ConnectionError(ErrorCode.frameSizeError, 'a padded DATA frame without its pad length');
      }
      this.#consumer.onDataFrame(streamId, length, flags);
      return;
    }
    this.#wanted = this.#checkLength(type, length);
    this.#partialLength = 0;
  }

  /** Octets of a frame's payload to keep. Throws when the length is wrong for the type or beyond reason. */
  #checkLength(type: number, length: number): number {
    switch (type) {
      case FrameType.headers:
      case FrameType.continuation:
        if (length > this.#maxHeaderFrameSize) {
          throw new Http2ConnectionError(
            ErrorCode.enhanceYourCalm,
            `a header block beyond ${this.#maxHeaderFrameSize} octets`,
          );
        }
        return length;
      case FrameType.priority:
        // A wrong length is an error of the stream only (RFC 9113 6.3), which the consumer handles.
        return Math.min(length, 6);
      case FrameType.resetStream:
      case FrameType.windowUpdate:
        return requireLength(length, 4, type);
      case FrameType.ping:
        return requireLength(length, 8, type);
      case FrameType.settings:
        if (length % 6 !== 0)
          throw new Http2ConnectionError(ErrorCode.frameSizeError, 'SETTINGS whose length is not a multiple of 6');
        if (length > MAX_SETTINGS_BYTES) {
          throw new Http2ConnectionError(ErrorCode.enhanceYourCalm, `SETTINGS beyond ${MAX_SETTINGS_BYTES} octets`);
        }
        return length;
      case FrameType.goAway:
        if (length < 8) throw new Http2ConnectionError(ErrorCode.frameSizeError, 'GOAWAY shorter than 8 octets');
        return Math.min(length, 8 + MAX_GOAWAY_DEBUG_BYTES);
      default:
        return 0;
    }
  }

  #readData(bytes: Buffer, start: number, end: number): number {
    const consumer = this.#consumer;
    let at = start;
    if (this.#padding < 0) {
      // The frame is not empty here, so there is an octet unless the input is at its end.
      if (at >= end) return at;
      this.#padding = bytes[at++] ?? 0;
      this.#left--;
      if (this.#padding > this.#left) {
        throw new Http2ConnectionError(ErrorCode.protocolError, 'DATA whose padding is longer than the frame');
      }
      consumer.onPadding(1 + this.#padding);
    }
    const content = this.#left - this.#padding;
    if (content > 0 || !this.#dataDone) {
      const size = Math.min(content, end - at);
      // Without padding the piece that ends the frame is known; with it, the frame ends after the padding.
      if (size > 0 || content === 0) {
        this.#left -= size;
        this.#dataDone = size === content;
        const last = this.#dataDone;
        if (last && this.#padding === 0) this.#type = -1;
        consumer.onDataPiece(bytes, at, at + size, last);
        at += size;
        if (!last || this.#padding === 0) return at;
      } else {
        return at;
      }
    }
    const skipped = Math.min(this.#left, end - at);
    this.#left -= skipped;
    if (this.#left === 0) this.#type = -1;
    return at + skipped;
  }

  #readPayload(bytes: Buffer, start: number, end: number): number {
    const available = Math.min(this.#left, end - start);
    if (this.#partialLength === 0 && available === this.#left) {
      const type = this.#type;
      this.#type = -1;
      this.#consumer.onFrame(
        type,
        this.#flags,
        this.#streamId,
        bytes,
        start,
        start + Math.min(available, this.#wanted),
      );
      return start + available;
    }
    const kept = Math.min(available, this.#wanted - this.#partialLength);
    if (kept > 0) {
      this.#partial ??= Buffer.allocUnsafeSlow(this.#wanted);
      bytes.copy(this.#partial, this.#partialLength, start, start + kept);
      this.#partialLength += kept;
    }
    this.#left -= available;
    if (this.#left === 0) {
      const whole = this.#partial ?? EMPTY;
      const type = this.#type;
      this.#partial = undefined;
      this.#type = -1;
      this.#consumer.onFrame(type, this.#flags, this.#streamId, whole, 0, this.#partialLength);
    }
    return start + available;
  }
}

function requireLength(length: number, expected: number, type: number): number {
  if (length !== expected) {
    throw new Http2ConnectionError(
      ErrorCode.frameSizeError,
      `a frame of type ${type} with ${length} octets instead of ${expected}`,
    );
  }
  return length;
}
