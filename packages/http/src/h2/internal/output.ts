import { BoundedOutput } from '../../internal/bounded-output.ts';
import { FRAME_HEADER_BYTES, writeFrameHeader, writeUint32 } from '../frames.ts';

/** Writes frames other than DATA. */
export class FrameOutput extends BoundedOutput {
  /** A frame whose payload is `payload[start, end)`. */
  frame(type: number, flags: number, streamId: number, payload: Buffer, start: number, end: number): void {
    const length = end - start;
    if (!this.place(FRAME_HEADER_BYTES + length)) return;
    writeFrameHeader(this.bytes, this.at, length, type, flags, streamId);
    payload.copy(this.bytes, this.at + FRAME_HEADER_BYTES, start, end);
  }

  /** A frame without payload. */
  empty(type: number, flags: number, streamId: number): void {
    if (!this.place(FRAME_HEADER_BYTES)) return;
    writeFrameHeader(this.bytes, this.at, 0, type, flags, streamId);
  }

  /** A frame whose payload is one 32-bit number: WINDOW_UPDATE, RST_STREAM. */
  number(type: number, streamId: number, value: number): void {
    if (!this.place(FRAME_HEADER_BYTES + 4)) return;
    writeFrameHeader(this.bytes, this.at, 4, type, 0, streamId);
    writeUint32(this.bytes, this.at + FRAME_HEADER_BYTES, value);
  }
}
