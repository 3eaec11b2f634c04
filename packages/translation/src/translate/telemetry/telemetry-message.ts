import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Telemetry, TelemetrySchema, TraceProtocol, type TraceTagSchema } from '@ambit/proto/waypoint';
import { Problems } from '@ambit/traffic/model/problems';
import { readTelemetry } from '@ambit/traffic/model/read-telemetry';
import type { TraceProvider } from './mesh-config.ts';
import type { LoggingLayer, TelemetryLayer, TracingLayer } from './telemetry-layer.ts';

/** Istio's default, in percent. */
const DEFAULT_SAMPLING = 1;
const PROTOCOLS: Readonly<Record<TraceProvider['protocol'], TraceProtocol>> = {
  otlp: TraceProtocol.OTLP_HTTP_JSON,
  'otlp-grpc': TraceProtocol.OTLP_GRPC,
  zipkin: TraceProtocol.ZIPKIN_JSON,
};
const PER_PERCENT = 10_000;

/** What a waypoint is told; undefined when that is nothing. `serviceName` is that of spans. */
export function telemetryMessage(layer: TelemetryLayer, serviceName: string): Telemetry | undefined {
  const { logging, metrics, tracing } = layer;
  if (logging === undefined && metrics.size === 0 && tracing?.provider === undefined) return undefined;
  return create(TelemetrySchema, {
    ...(logging === undefined ? {} : { accessLog: accessLogOf(logging) }),
    metrics: [...metrics]
      .sort(([one], [other]) => one - other)
      .map(([metric, { disabled = false, labels }]) => ({
        metric,
        disabled,
        removedLabels: sorted([...labels].flatMap(([name, value]) => (value === undefined ? [name] : []))),
        labels: [...labels]
          .flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]))
          .sort((one, other) => (one.name < other.name ? -1 : 1)),
      })),
    ...(tracing === undefined ? {} : { tracing: tracingOf(tracing, serviceName) }),
  });
}

function accessLogOf({
  disabled = false,
  filter = '',
  format = null,
}: LoggingLayer): NonNullable<MessageInitShape<typeof TelemetrySchema>['accessLog']> {
  if (format === null) return { disabled, filter };
  const { omitEmptyValues } = format;
  const kind =
    format.kind === 'text'
      ? { case: 'text' as const, value: format.text }
      : { case: 'labels' as const, value: { labels: [...format.labels] } };
  return { disabled, filter, format: { kind, omitEmptyValues } };
}

/** What a waypoint would object to, by its own reader. */
export function objectionsToTelemetry(layer: TelemetryLayer): readonly string[] {
  const problems = new Problems();
  readTelemetry(telemetryMessage(layer, 'it'), 'telemetry', problems);
  return problems.list;
}

function tracingOf(
  { provider, percentage = DEFAULT_SAMPLING, disabled = false, meshTags = true, tags = {} }: TracingLayer,
  serviceName: string,
): NonNullable<MessageInitShape<typeof TelemetrySchema>['tracing']> {
  const collector =
    provider === undefined || disabled
      ? {}
      : {
          collector: {
            ...provider,
            protocol: PROTOCOLS[provider.protocol],
          },
        };
  return {
    ...collector,
    sampledPerMillion: Math.round(percentage * PER_PERCENT),
    tags: sorted(Object.keys(tags)).flatMap((name): MessageInitShape<typeof TraceTagSchema>[] => {
      const { literal, environment, header, formatter } = tags[name] ?? {};
      if (literal !== undefined) return [{ name, value: { case: 'literal', value: literal.value } }];
      if (formatter !== undefined) return [{ name, value: { case: 'formatter', value: formatter.value } }];
      if (environment !== undefined) return [{ name, value: { case: 'environment', value: environment } }];
      return header === undefined ? [] : [{ name, value: { case: 'header', value: header } }];
    }),
    meshTags,
    serviceName,
  };
}

function sorted(names: readonly string[]): string[] {
  return [...names].sort();
}
