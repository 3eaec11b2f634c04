import { encodedBound, HpackEncoder } from '../hpack/encoder.ts';
import type { FieldList } from './message-fields.ts';

/** A header block that refers to no dynamic entry: may be sent on any connection, any number of times. */
export type StaticBlock = Buffer & { readonly staticBlock: unique symbol };

/** Encodes fields once for many connections. */
export function encodeStaticBlock(fields: FieldList, huffman = false): StaticBlock {
  const names = new Set(fields.filter((_, index) => index % 2 === 0));
  const block = Buffer.alloc(encodedBound(fields));
  const end = new HpackEncoder({ huffman, changing: names }).encode(fields, block, 0);
  return Buffer.from(block.subarray(0, end)) as StaticBlock;
}
