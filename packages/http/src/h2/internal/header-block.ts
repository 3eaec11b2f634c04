import { MAX_CONTINUATIONS } from '../../limits.ts';
import { Http2ConnectionError } from '../errors.ts';
import { ErrorCode, Flag, readUint31 } from '../frames.ts';

const NOTHING = Buffer.alloc(0);

/** The header block at hand, put together from HEADERS and CONTINUATION (RFC 9113 4.3, 6.2, 6.10). */
export class HeaderBlock {
  readonly #maxSize: number;
  /** Stream whose block is incomplete; 0 when none is. */
  streamId = 0;
  endStream = false;
  /** The stream says that it depends on itself (RFC 9113 5.3.1 of the older RFC 7540, still an error of the stream). */
  selfDependent = false;
  /** The block when complete: `bytes[start, end)`, valid until the next frame. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  #collected: Buffer | undefined;
  #length = 0;
  #continuations = 0;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** Takes a HEADERS payload; true when the block is complete. */
  begin(flags: number, streamId: number, bytes: Buffer, start: number, end: number): boolean {
    let from = start;
    let to = end;
    if ((flags & Flag.padded) !== 0) {
      const padding = from < to ? (bytes[from++] ?? 0) : 256;
      to -= padding;
      if (to < from)
        throw new Http2ConnectionError(ErrorCode.protocolError, 'HEADERS whose padding is longer than the frame');
    }
    this.selfDependent = false;
    if ((flags & Flag.priority) !== 0) {
      if (from + 5 > to) throw new Http2ConnectionError(ErrorCode.frameSizeError, 'HEADERS too short for its priority');
      this.selfDependent = readUint31(bytes, from) === streamId;
      from += 5;
    }
    this.endStream = (flags & Flag.endStream) !== 0;
    this.bytes = bytes;
    this.start = from;
    this.end = to;
    if ((flags & Flag.endHeaders) !== 0) return true;
    this.streamId = streamId;
    this.#continuations = 0;
    this.#length = 0;
    this.#append(bytes, from, to);
    return false;
  }

  /** Takes a CONTINUATION payload of the same stream; true when the block is complete. */
  continue(flags: number, bytes: Buffer, start: number, end: number): boolean {
    if (++this.#continuations > MAX_CONTINUATIONS) {
      throw new Http2ConnectionError(
        ErrorCode.enhanceYourCalm,
        `more than ${MAX_CONTINUATIONS} CONTINUATION frames in one header block`,
      );
    }
    this.#append(bytes, start, end);
    if ((flags & Flag.endHeaders) === 0) return false;
    this.streamId = 0;
    this.bytes = this.#collected ?? bytes;
    this.start = 0;
    this.end = this.#length;
    this.#collected = undefined;
    return true;
  }

  #append(bytes: Buffer, start: number, end: number): void {
    const length = this.#length + end - start;
    if (length > this.#maxSize) {
      throw new Http2ConnectionError(ErrorCode.enhanceYourCalm, `a header block beyond ${this.#maxSize} octets`);
    }
    if (this.#collected === undefined || this.#collected.length < length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.#maxSize, Math.max(1024, length * 2)));
      this.#collected?.copy(larger, 0, 0, this.#length);
      this.#collected = larger;
    }
    bytes.copy(this.#collected, this.#length, start, end);
    this.#length = length;
  }
}
