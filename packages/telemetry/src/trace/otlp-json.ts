import { type Span, tagsOf } from './span.ts';

/** `SpanKind` of OTLP. */
const KINDS = { server: 2, client: 3 } as const;
const STATUS_ERROR = 2;

/** Spans as the body of an `ExportTraceServiceRequest` (OTLP 1.x, JSON over HTTP: ids in hexadecimal, 64-bit numbers as text). */
export function otlpJson(spans: readonly Span[]): string {
  const services = Map.groupBy(spans, ({ service }) => service);
  return JSON.stringify({
    resourceSpans: Array.from(services, ([service, own]) => ({
      resource: { attributes: [attribute('service.name', service)] },
      scopeSpans: [{ scope: { name: 'ambit.waypoint' }, spans: own.map((span) => otlpSpan(span)) }],
    })),
  });
}

function otlpSpan(span: Span): object {
  const { traceId, spanId, parentId, state, kind, name, startTime, duration, failed } = span;
  return {
    ...{ traceId, spanId },
    ...(parentId === '' ? {} : { parentSpanId: parentId }),
    ...(state === undefined ? {} : { traceState: state }),
    ...{ name, kind: KINDS[kind] },
    startTimeUnixNano: nanoseconds(startTime),
    endTimeUnixNano: nanoseconds(startTime + duration),
    attributes: Array.from(tagsOf(span), ([key, value]) => attribute(key, value)),
    status: failed ? { code: STATUS_ERROR } : {},
  };
}

function attribute(key: string, stringValue: string): object {
  return { key, value: { stringValue } };
}

function nanoseconds(milliseconds: number): string {
  return String(BigInt(Math.round(milliseconds * 1_000)) * 1_000n);
}
