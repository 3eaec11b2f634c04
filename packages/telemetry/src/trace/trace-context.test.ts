import { describe, expect, it } from 'vitest';
import { TRACE_STATE_CHARACTERS } from '../limits.ts';
import { pushContext, readContext } from './trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const IDS = { traceId: TRACE, spanId: SPAN };

function read(fields: Record<string, string>): ReturnType<typeof readContext> {
  return readContext(Object.entries({ accept: '*/*', 'x-request-id': 'a', te: 'trailers', ...fields }).flat());
}

describe('trace context of a request', () => {
  it.each<[string, Record<string, string>, object]>([
    ['W3C, sampled', { traceparent: `00-${TRACE}-${SPAN}-01` }, { ids: IDS, sampled: true, formats: ['w3c'] }],
    ['W3C, not sampled', { traceparent: `00-${TRACE}-${SPAN}-00` }, { ids: IDS, sampled: false, formats: ['w3c'] }],
    ['other flags of W3C', { traceparent: `00-${TRACE}-${SPAN}-02` }, { ids: IDS, sampled: false }],
    ['state of W3C', { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'a=b' }, { state: 'a=b' }],
    ['B3 in one field', { b3: `${TRACE}-${SPAN}-1` }, { ids: IDS, sampled: true, formats: ['b3'] }],
    ['B3 with a parent', { b3: `${TRACE}-${SPAN}-0-05e3ac9a4f6e3b90` }, { ids: IDS, sampled: false }],
    ['B3, debugged', { b3: `${TRACE}-${SPAN}-d` }, { ids: IDS, sampled: true }],
    ['B3 without decision', { b3: `${TRACE}-${SPAN}` }, { ids: IDS, sampled: undefined }],
    ['B3 that only refuses', { b3: '0' }, { ids: undefined, sampled: false, formats: ['b3'] }],
    ['B3 of 64 bits', { b3: `${SPAN}-${SPAN}-1` }, { ids: { traceId: `0000000000000000${SPAN}`, spanId: SPAN } }],
    [
      'B3 in several fields',
      { 'x-b3-traceid': TRACE.toUpperCase(), 'x-b3-spanid': SPAN, 'x-b3-sampled': '1' },
      { ids: IDS, sampled: true, formats: ['b3-multi'] },
    ],
    ['B3 fields, debugged', { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-flags': '1' }, { sampled: true }],
    ['B3 fields that only refuse', { 'x-b3-sampled': 'false' }, { ids: undefined, sampled: false }],
    [
      'both: W3C counts, and both go on',
      { traceparent: `00-${TRACE}-${SPAN}-00`, b3: `${SPAN}-${SPAN}-1` },
      { ids: IDS, sampled: false, formats: ['w3c', 'b3'] },
    ],
  ])('%s', (_, fields, expected) => {
    expect(read(fields)).toMatchObject(expected);
  });

  it.each<[string, Record<string, string>]>([
    ['nothing', {}],
    ['W3C of zeros', { traceparent: `00-${'0'.repeat(32)}-${SPAN}-01` }],
    ['W3C in upper case', { traceparent: `00-${TRACE.toUpperCase()}-${SPAN}-01` }],
    ['W3C with more than its version has', { traceparent: `00-${TRACE}-${SPAN}-01-a` }],
    ['B3 of zeros', { b3: `${'0'.repeat(32)}-${SPAN}-1` }],
    ['B3 with too many parts', { b3: `${TRACE}-${SPAN}-1-${SPAN}-1` }],
    ['B3 of another length', { b3: `${TRACE}0-${SPAN}-1` }],
    ['half of B3', { 'x-b3-traceid': TRACE }],
    ['state without parent', { tracestate: 'a=b' }],
  ])('malformed or missing: %s', (_, fields) => {
    expect(read(fields)).toBeUndefined();
  });

  it('leaves out a state that is too long', () => {
    const fields = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'a'.repeat(TRACE_STATE_CHARACTERS + 1) };
    expect(read(fields)?.state).toBeUndefined();
  });

  it('is written so that it reads the same', () => {
    for (const format of ['w3c', 'b3', 'b3-multi'] as const) {
      for (const sampled of [true, false]) {
        const fields: string[] = [];
        pushContext(fields, [format], { ...IDS, sampled, state: undefined });
        const pairs = Object.fromEntries(fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1]]] : [])));
        expect(read(pairs as Record<string, string>)).toMatchObject({ ids: IDS, sampled, formats: [format] });
      }
    }
  });
});
