import type { IncomingHttpHeaders } from 'node:http';

/** What a mesh needs of an application to see one trace: the fields that a request came with go on with those it causes. */
export type TraceFields = Readonly<Record<string, string>>;

/** Of W3C Trace Context and of B3, and the id of the request. */
const NAMES = [
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'x-request-id',
];

export function traceFieldsOf(headers: IncomingHttpHeaders): TraceFields {
  return Object.fromEntries(
    NAMES.flatMap((name): [string, string][] => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}
