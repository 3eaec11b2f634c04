import type { MessageInitShape } from '@bufbuild/protobuf';
import type { CircuitBreakerSchema } from '@ambit/proto/waypoint';
import { valueOf } from '../../labels.ts';
import { istioDurationMs } from '../../schema/durations.ts';
import type { DestinationRule } from '../../traffic-objects.ts';

export type CircuitBreakerInit = MessageInitShape<typeof CircuitBreakerSchema>;

/** On a DestinationRule: `failures=10%, window=10s, minimum=20, open=1s`; all but `failures` may be left out. Of every port and subset. */
const BREAKER_ANNOTATION = 'ambit.io/circuit-breaker';

const MAX_MINIMUM = 1_000_000;

/** What each word of the annotation says; undefined: it cannot be read. */
const WORDS: Readonly<Record<string, (text: string) => CircuitBreakerInit | undefined>> = {
  failures: (text) => {
    const percent = wholeNumber(/^([0-9]{1,3})%$/.exec(text)?.[1], 100);
    return percent === undefined ? undefined : { failurePercent: percent };
  },
  minimum: (text) => {
    const minimumRequests = wholeNumber(/^([0-9]{1,7})$/.exec(text)?.[1], MAX_MINIMUM);
    return minimumRequests === undefined ? undefined : { minimumRequests };
  },
  open: (text) => {
    const openMs = time(text);
    return openMs === undefined ? undefined : { openMs };
  },
  window: (text) => {
    const windowMs = time(text);
    return windowMs === undefined ? undefined : { windowMs };
  },
};

/** The breaker that a rule asks for, or why what it says is none; undefined: it asks for none. */
export function circuitBreakerOf({
  metadata,
}: DestinationRule): CircuitBreakerInit | { readonly problem: string } | undefined {
  const text = valueOf(metadata.annotations, BREAKER_ANNOTATION);
  if (text === undefined) return undefined;
  let breaker: CircuitBreakerInit = {};
  const seen = new Set<string>();
  for (const part of text.split(',')) {
    const [, word = '', value = ''] = /^\s*([a-z]+)=(\S+)\s*$/.exec(part) ?? [];
    const read = Object.hasOwn(WORDS, word) ? WORDS[word]?.(value) : undefined;
    if (read === undefined) return problem(`${JSON.stringify(part.trim())} is not understood`);
    if (seen.has(word)) return problem(`${word} occurs twice`);
    seen.add(word);
    breaker = { ...breaker, ...read };
  }
  if (!seen.has('failures')) return problem('it does not say which share of failures opens it');
  return { windowMs: 10_000n, minimumRequests: 20, openMs: 1_000n, ...breaker };
}

function problem(why: string): { readonly problem: string } {
  return {
    problem: `annotation ${BREAKER_ANNOTATION} (${why}; "failures=10%, window=10s, minimum=20, open=1s" is right)`,
  };
}

function wholeNumber(text: string | undefined, most: number): number | undefined {
  const number = Number(text ?? 0);
  return number >= 1 && number <= most ? number : undefined;
}

/** From 10 ms to an hour. */
function time(text: string): bigint | undefined {
  const ms = istioDurationMs(text);
  return ms !== undefined && ms >= 10 && ms <= 3_600_000 ? BigInt(ms) : undefined;
}
