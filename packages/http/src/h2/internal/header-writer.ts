import { encodedBound, HpackEncoder } from '../../hpack/encoder.ts';
import { Flag, FrameType } from '../frames.ts';
import type { FieldList } from '../message-fields.ts';
import type { StaticBlock } from '../static-block.ts';
import type { FrameOutput } from './output.ts';

/** Where a block is encoded before its length is known; one for the thread, because nothing outlives a call. */
let scratch = Buffer.allocUnsafeSlow(4096);

const NO_FIELDS: FieldList = [];

/** Writes header sections: encodes them and cuts them into HEADERS and CONTINUATION (RFC 9113 4.3). */
export class HeaderWriter {
  readonly encoder: HpackEncoder;
  readonly #output: FrameOutput;
  /** The peer's SETTINGS_MAX_FRAME_SIZE. */
  maxFrameSize = 16_384;

  constructor(output: FrameOutput, huffman: boolean) {
    this.#output = output;
    this.encoder = new HpackEncoder({ huffman });
  }

  write(streamId: number, fields: FieldList | StaticBlock, endStream: boolean): void {
    const block = Buffer.isBuffer(fields) ? fields : undefined;
    const list = Buffer.isBuffer(fields) ? NO_FIELDS : fields;
    const bound = encodedBound(list) + (block?.length ?? 0);
    if (bound > scratch.length) scratch = Buffer.allocUnsafeSlow(bound * 2);
    // Before a static block this writes only a table size update that may be due.
    let end = this.encoder.encode(list, scratch, 0);
    if (block !== undefined) end += block.copy(scratch, end);
    const streamFlag = endStream ? Flag.endStream : 0;
    let at = Math.min(end, this.maxFrameSize);
    const firstFlags = streamFlag | (at === end ? Flag.endHeaders : 0);
    this.#output.frame(FrameType.headers, firstFlags, streamId, scratch, 0, at);
    while (at < end) {
      const next = Math.min(end, at + this.maxFrameSize);
      this.#output.frame(FrameType.continuation, next === end ? Flag.endHeaders : 0, streamId, scratch, at, next);
      at = next;
    }
  }
}
