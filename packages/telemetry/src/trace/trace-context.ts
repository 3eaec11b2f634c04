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
const CONTEXT_FIELDS: ReadonlySet<string> = new Set([
  'b3',
  'traceparent',
  'tracestate',
  'x-b3-flags',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-spanid',
  'x-b3-traceid',
]);

const LETTER_B = 0x62;
const LETTER_T = 0x74;
const LETTER_X = 0x78;

/** Whether a field, by its name in lower case, carries context. */
export function isContextField(name: string): boolean {
  // Most fields differ at once, and need not be looked for.
  const first = name.charCodeAt(0);
  const may = first === LETTER_X ? name.charCodeAt(2) === LETTER_B : first === LETTER_T || first === LETTER_B;
  return may && CONTEXT_FIELDS.has(name);
}

type Said = Pick<IncomingContext, 'ids' | 'sampled'>;

/** `fields`: names in lower case and values by turns; of several of one name the first counts. What is malformed is as if it were not there. */
export function readContext(fields: readonly string[]): IncomingContext | undefined {
  const carried: Partial<Record<string, string>> = {};
  let any = false;
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? '';
    if (!isContextField(name)) continue;
    any = true;
    carried[name] ??= fields[at + 1];
  }
  return any ? understood(carried) : undefined;
}

function understood(carried: Partial<Record<string, string>>): IncomingContext | undefined {
  const found: [TraceFormat, Said][] = [];
  const w3c = readW3c(carried['traceparent']);
  if (w3c !== undefined) found.push(['w3c', w3c]);
  const single = readSingle(carried['b3']);
  if (single !== undefined) found.push(['b3', single]);
  const multi = readMulti(carried);
  if (multi !== undefined) found.push(['b3-multi', multi]);
  if (found.length === 0) return undefined;
  // The first that knows; W3C's is the standard.
  const said = found.map(([, one]) => one);
  const state = w3c === undefined ? undefined : carried['tracestate'];
  return {
    ids: said.find(({ ids }) => ids !== undefined)?.ids,
    sampled: said.find(({ sampled }) => sampled !== undefined)?.sampled,
    state: state !== undefined && state.length <= TRACE_STATE_CHARACTERS ? state : undefined,
    formats: found.map(([format]) => format),
  };
}

/** Appends the fields that tell of a span, as names and values. */
export function pushContext(
  fields: string[],
  formats: readonly TraceFormat[],
  span: {
    readonly traceId: string;
    readonly spanId: string;
    readonly sampled: boolean;
    readonly state: string | undefined;
  },
): void {
  const { traceId, spanId, state } = span;
  const flag = span.sampled ? '1' : '0';
  for (const format of formats) {
    switch (format) {
      case 'w3c':
        fields.push('traceparent', `00-${traceId}-${spanId}-0${flag}`);
        if (state !== undefined) fields.push('tracestate', state);
        break;
      case 'b3':
        fields.push('b3', `${traceId}-${spanId}-${flag}`);
        break;
      case 'b3-multi':
        fields.push('x-b3-traceid', traceId, 'x-b3-spanid', spanId, 'x-b3-sampled', flag);
    }
  }
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

function readMulti(carried: Partial<Record<string, string>>): Said | undefined {
  const [traceId, spanId] = [carried['x-b3-traceid'], carried['x-b3-spanid']];
  const ids = traceId === undefined || spanId === undefined ? undefined : idsOf(traceId, spanId);
  const isDebugged = carried['x-b3-flags'] === '1';
  const sampled = isDebugged ? true : decisionOf(carried['x-b3-sampled'] ?? '');
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
