import { traceIdOf } from '../trace-context.ts';
import { TRACE_STATE_CHARACTERS } from '../limits.ts';

/** How context is written: W3C Trace Context, or B3 in one field or several (openzipkin/b3-propagation). */
export type TraceFormat = 'b3' | 'b3-multi' | 'w3c';

/** What a request says of the trace that it is part of. */
export interface IncomingContext {
  /** 32 and 16 hexadecimal digits; undefined: it only says whether to sample. */
  readonly ids: { readonly traceId: string; readonly spanId: string } | undefined;
  /** Undefined: nobody has decided yet. */
  readonly sampled: boolean | undefined;
  /** Of vendors, to be passed on with W3C's. */
  readonly state: string | undefined;
  /** Those that were understood. */
  readonly formats: readonly TraceFormat[];
}

/** The fields that carry context; nothing of them may go on beside a new one. */
export const CONTEXT_FIELDS: ReadonlySet<string> = new Set([
  'b3',
  'traceparent',
  'tracestate',
  'x-b3-flags',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-spanid',
  'x-b3-traceid',
]);

type Said = Pick<IncomingContext, 'ids' | 'sampled'>;

/** `field` gives a field of the request by its name. What is malformed is as if it were not there. */
export function readContext(field: (name: string) => string | undefined): IncomingContext | undefined {
  const found: [TraceFormat, Said][] = [];
  const w3c = readW3c(field('traceparent'));
  if (w3c !== undefined) found.push(['w3c', w3c]);
  const single = readSingle(field('b3'));
  if (single !== undefined) found.push(['b3', single]);
  const multi = readMulti(field);
  if (multi !== undefined) found.push(['b3-multi', multi]);
  if (found.length === 0) return undefined;
  // The first that knows; W3C's is the standard.
  const said = found.map(([, one]) => one);
  const state = w3c === undefined ? undefined : field('tracestate');
  return {
    ids: said.find(({ ids }) => ids !== undefined)?.ids,
    sampled: said.find(({ sampled }) => sampled !== undefined)?.sampled,
    state: state !== undefined && state.length <= TRACE_STATE_CHARACTERS ? state : undefined,
    formats: found.map(([format]) => format),
  };
}

/** The fields of a request that a span sends, as names and values. */
export function contextFields(
  formats: readonly TraceFormat[],
  traceId: string,
  spanId: string,
  sampled: boolean,
  state: string | undefined,
): string[] {
  const flag = sampled ? '1' : '0';
  return formats.flatMap((format) => {
    switch (format) {
      case 'w3c':
        return [
          'traceparent',
          `00-${traceId}-${spanId}-0${flag}`,
          ...(state === undefined ? [] : ['tracestate', state]),
        ];
      case 'b3':
        return ['b3', `${traceId}-${spanId}-${flag}`];
      case 'b3-multi':
        return ['x-b3-traceid', traceId, 'x-b3-spanid', spanId, 'x-b3-sampled', flag];
    }
  });
}

function readW3c(parent: string | undefined): Said | undefined {
  const traceId = parent === undefined ? undefined : traceIdOf(parent);
  if (parent === undefined || traceId === undefined) return undefined;
  const flags = Number.parseInt(parent.slice(53, 55), 16);
  return { ids: { traceId, spanId: parent.slice(36, 52) }, sampled: (flags & 1) === 1 };
}

function readSingle(text: string | undefined): Said | undefined {
  if (text === undefined) return undefined;
  const alone = decisionOf(text);
  if (alone !== undefined) return { ids: undefined, sampled: alone };
  const [traceId = '', spanId = '', decision, , more] = text.split('-');
  const ids = idsOf(traceId, spanId);
  if (ids === undefined || more !== undefined) return undefined;
  return { ids, sampled: decision === undefined ? undefined : decisionOf(decision) };
}

function readMulti(field: (name: string) => string | undefined): Said | undefined {
  const ids = idsOf(field('x-b3-traceid') ?? '', field('x-b3-spanid') ?? '');
  const isDebugged = field('x-b3-flags') === '1';
  const sampled = isDebugged ? true : decisionOf(field('x-b3-sampled') ?? '');
  return ids === undefined && sampled === undefined ? undefined : { ids, sampled };
}

/** `d` (debug) samples too; some send words. */
function decisionOf(text: string): boolean | undefined {
  if (text === '1' || text === 'd' || text === 'true') return true;
  return text === '0' || text === 'false' ? false : undefined;
}

/** Trace ids of 64 bits are those of 128 whose upper half is zero. */
function idsOf(traceId: string, spanId: string): IncomingContext['ids'] {
  if (!/^(?:[0-9a-f]{16}){1,2}$/i.test(traceId) || !/^[0-9a-f]{16}$/i.test(spanId)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId: traceId.toLowerCase().padStart(32, '0'), spanId: spanId.toLowerCase() };
}
