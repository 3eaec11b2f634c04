import { type Span, tagsOf } from './span.ts';

/** Spans as the body of a POST of Zipkin's API v2. */
export function zipkinJson(spans: readonly Span[]): string {
  return JSON.stringify(
    spans.map((span) => ({
      traceId: span.traceId,
      id: span.spanId,
      ...(span.parentId === '' ? {} : { parentId: span.parentId }),
      kind: span.kind === 'server' ? 'SERVER' : 'CLIENT',
      name: span.name,
      // Microseconds, and none that took no time: Zipkin takes 0 for a span that is not over.
      timestamp: Math.round(span.startTime * 1_000),
      duration: Math.max(Math.round(span.duration * 1_000), 1),
      localEndpoint: { serviceName: span.service },
      tags: { ...Object.fromEntries(tagsOf(span)), ...(span.failed ? { error: 'true' } : {}) },
    })),
  );
}
