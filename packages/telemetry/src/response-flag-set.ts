import { HTTP_FLAGS, type HttpFlag } from './http-response-flags.ts';

/** Several flags of a request in one small integer: bit n stands for `HTTP_FLAGS[n]`; 0 for none. */
export type FlagSet = number;

export const NO_FLAGS: FlagSet = 0;

const BITS: ReadonlyMap<string, FlagSet> = new Map(HTTP_FLAGS.map((flag, bit) => [flag, 1 << bit]));
const texts = new Map<FlagSet, string>([[NO_FLAGS, '-']]);
const sets = new Map<string, FlagSet>([['-', NO_FLAGS]]);

/** The set of some flags. */
export function flagSet(...flags: readonly HttpFlag[]): FlagSet {
  let set = NO_FLAGS;
  for (const flag of flags) set |= BITS.get(flag) ?? 0;
  return set;
}

/** Reads `-` or flags joined by commas in any order; what is no flag is passed over. A look-up after the first time. */
export function parseFlags(text: string): FlagSet {
  const known = sets.get(text);
  if (known !== undefined) return known;
  let set = NO_FLAGS;
  for (const flag of text.split(',')) set |= BITS.get(flag) ?? 0;
  // Only what can occur again and is bounded is kept.
  if (set !== NO_FLAGS && formatFlags(set).length === text.length) sets.set(text, set);
  return set;
}

/** `-`, or the flags joined by commas in the order of `HTTP_FLAGS`. A look-up after the first time. */
export function formatFlags(set: FlagSet): string {
  let text = texts.get(set);
  if (text === undefined) {
    text = HTTP_FLAGS.filter((_, bit) => (set & (1 << bit)) !== 0).join(',');
    texts.set(set, text);
  }
  return text;
}
