import { HpackError } from './errors.ts';
import { CODES, CODE_LENGTHS, END_OF_STRING } from './huffman-code.ts';

// The decoder walks the code tree four bits at a time: at most one symbol ends within four bits, because none is shorter than five.
// An entry: bits 0-7 next state, bits 8-15 symbol, bit 16 set when a symbol ends here, bit 17 set when the code is invalid.
const EMITS = 1 << 16;
const INVALID = 1 << 17;

const { transitions, mayEnd } = buildTransitions();

interface Tree {
  transitions: Uint32Array;
  /** 1 for states in which the input may end: the padding is the start of end-of-string and shorter than 8 bits. */
  mayEnd: Uint8Array;
}

function buildTransitions(): Tree {
  // children[2 * node + bit]: a node as a positive number, a symbol as -1 - symbol.
  const children: number[] = [0, 0];
  let nodes = 1;
  for (let symbol = 0; symbol <= END_OF_STRING; symbol++) {
    const length = CODE_LENGTHS[symbol] ?? 0;
    const code = CODES[symbol] ?? 0;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const slot = 2 * node + ((code >>> bit) & 1);
      let child = children[slot] ?? 0;
      if (child === 0) {
        child = nodes++;
        children[slot] = child;
        children.push(0, 0);
      }
      node = child;
    }
    children[2 * node + (code & 1)] = -1 - symbol;
  }
  const table = new Uint32Array(nodes * 16);
  const ends = new Uint8Array(nodes);
  for (let node = 0, ones = 0; ones < 8; ones++) {
    ends[node] = 1;
    node = children[2 * node + 1] ?? 0;
  }
  for (let state = 0; state < nodes; state++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = state;
      let entry = 0;
      for (let bit = 3; bit >= 0; bit--) {
        const child = children[2 * node + ((nibble >>> bit) & 1)] ?? 0;
        if (child >= 0) {
          node = child;
          continue;
        }
        const symbol = -1 - child;
        if (symbol === END_OF_STRING) entry |= INVALID;
        else entry |= EMITS | (symbol << 8);
        node = 0;
      }
      table[state * 16 + nibble] = entry | node;
    }
  }
  return { transitions: table, mayEnd: ends };
}

/**
 * Decodes `source[start, end)` into `target` from 0 on; returns the number of octets.
 * `target` needs 8/5 of the input's length. Throws HpackError for an invalid code or wrong padding (RFC 7541 5.2).
 */
export function decodeHuffman(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let state = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const octet = source[at] ?? 0;
    const high = transitions[state * 16 + (octet >>> 4)] ?? INVALID;
    if ((high & EMITS) !== 0) target[length++] = high >>> 8;
    const low = transitions[(high & 0xff) * 16 + (octet & 15)] ?? INVALID;
    if ((low & EMITS) !== 0) target[length++] = low >>> 8;
    if (((high | low) & INVALID) !== 0) throw new HpackError('a Huffman string contains the end-of-string symbol');
    state = low & 0xff;
  }
  if (mayEnd[state] !== 1)
    throw new HpackError('the padding of a Huffman string is not the start of the end-of-string symbol');
  return length;
}

/** Octets of `text` (characters 0 to 255) when Huffman coded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let at = 0; at < text.length; at++) bits += CODE_LENGTHS[text.charCodeAt(at) & 0xff] ?? 0;
  return (bits + 7) >>> 3;
}

/** Writes `text` (characters 0 to 255) Huffman coded to `target` at `at`; returns the offset behind it. */
export function encodeHuffman(text: string, target: Uint8Array, at: number): number {
  let bits = 0;
  let count = 0;
  let out = at;
  for (let index = 0; index < text.length; index++) {
    const symbol = text.charCodeAt(index) & 0xff;
    let length = CODE_LENGTHS[symbol] ?? 0;
    let code = CODES[symbol] ?? 0;
    // At most 7 bits wait: two steps keep the accumulator within 32 bits.
    if (length > 16) {
      const top = length - 16;
      bits = (bits << top) | (code >>> 16);
      count += top;
      while (count >= 8) {
        count -= 8;
        target[out++] = bits >>> count;
      }
      bits &= 0xff;
      code &= 0xffff;
      length = 16;
    }
    bits = (bits << length) | code;
    count += length;
    while (count >= 8) {
      count -= 8;
      target[out++] = bits >>> count;
    }
    bits &= 0xff;
  }
  if (count > 0) target[out++] = (bits << (8 - count)) | (0xff >>> count);
  return out;
}
