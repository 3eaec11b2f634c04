import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type ExportTraceServiceRequest, ExportTraceServiceRequestSchema } from '@ambit/proto/otlp';
import { type Span, tagsOf } from '@ambit/telemetry/trace/span';

type ResourceSpans = NonNullable<MessageInitShape<typeof ExportTraceServiceRequestSchema>['resourceSpans']>[number];
type ScopeSpans = NonNullable<Exclude<ResourceSpans, { readonly $typeName: string }>['scopeSpans']>[number];
type OtlpSpan = NonNullable<Exclude<ScopeSpans, { readonly $typeName: string }>['spans']>[number];

/** `SpanKind` of OTLP. */
const KINDS = { server: 2, client: 3 } as const;
const STATUS_ERROR = 2;

/** Spans as the request of OTLP's one call. */
export function otlpMessage(spans: readonly Span[]): ExportTraceServiceRequest {
  const services = Map.groupBy(spans, ({ service }) => service);
  return create(ExportTraceServiceRequestSchema, {
    resourceSpans: Array.from(services, ([service, own]) => ({
      resource: { attributes: [attribute('service.name', service)] },
      scopeSpans: [{ scope: { name: 'ambit.waypoint' }, spans: own.map((span) => otlpSpan(span)) }],
    })),
  });
}

function otlpSpan(span: Span): OtlpSpan {
  const { traceId, spanId, parentId, state, kind, name, startTime, duration, failed } = span;
  return {
    traceId: Buffer.from(traceId, 'hex'),
    spanId: Buffer.from(spanId, 'hex'),
    traceState: state ?? '',
    parentSpanId: Buffer.from(parentId, 'hex'),
    name,
    kind: KINDS[kind],
    startTimeUnixNano: nanoseconds(startTime),
    endTimeUnixNano: nanoseconds(startTime + duration),
    attributes: Array.from(tagsOf(span), ([key, value]) => attribute(key, value)),
    status: failed ? { code: STATUS_ERROR } : {},
  };
}

function attribute(key: string, stringValue: string): { key: string; value: { stringValue: string } } {
  return { key, value: { stringValue } };
}

function nanoseconds(milliseconds: number): bigint {
  return BigInt(Math.round(milliseconds * 1_000)) * 1_000n;
}
