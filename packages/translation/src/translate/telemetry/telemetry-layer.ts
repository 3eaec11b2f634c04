import { messageOf } from '@ambit/core/errors';
import { Expression } from '@ambit/traffic/expression/expression';
import { parseLogTemplate } from '@ambit/traffic/log-format/log-template';
import { RequestMetric } from '@ambit/proto/waypoint';
import type {
  AccessLoggingSpec,
  CustomTagSpec,
  MetricsSpec,
  ProviderReference,
  TelemetryMode,
  TelemetrySpec,
  TracingSpec,
} from '../../telemetry-objects.ts';
import type { LogFormat } from '@ambit/traffic/model/telemetry';
import type { MeshConfig, TraceProvider } from './mesh-config.ts';

/** What one object says, or several of them together; what it does not say is absent. */
export interface TelemetryLayer {
  readonly logging?: LoggingLayer;
  readonly metrics: ReadonlyMap<RequestMetric, MetricLayer>;
  readonly tracing?: TracingLayer;
}

export interface LoggingLayer {
  readonly disabled?: boolean;
  readonly filter?: string;
  /** Null: the waypoint's own. */
  readonly format?: LogFormat | null;
}

export interface MetricLayer {
  readonly disabled?: boolean;
  /** By label, the expression of its value; undefined: it is taken away. */
  readonly labels: ReadonlyMap<string, string | undefined>;
}

export interface TracingLayer {
  readonly provider?: TraceProvider;
  readonly percentage?: number;
  readonly disabled?: boolean;
  readonly meshTags?: boolean;
  readonly tags?: Readonly<Record<string, CustomTagSpec>>;
}

export interface ReadTelemetry {
  readonly layer: TelemetryLayer;
  /** With any, the object has no effect. */
  readonly problems: readonly string[];
  /** What is right and has no function at a waypoint. */
  readonly remarks: readonly string[];
}

const METRICS: Readonly<Record<string, RequestMetric>> = {
  GRPC_REQUEST_MESSAGES: RequestMetric.GRPC_REQUEST_MESSAGES,
  GRPC_RESPONSE_MESSAGES: RequestMetric.GRPC_RESPONSE_MESSAGES,
  REQUEST_COUNT: RequestMetric.REQUEST_COUNT,
  REQUEST_DURATION: RequestMetric.REQUEST_DURATION,
  REQUEST_SIZE: RequestMetric.REQUEST_SIZE,
  RESPONSE_SIZE: RequestMetric.RESPONSE_SIZE,
};

/** Reads what an object asks of waypoints. */
export function readTelemetry(spec: TelemetrySpec, config: MeshConfig): ReadTelemetry {
  const problems: string[] = [];
  const remarks: string[] = [];
  let layer: TelemetryLayer = { metrics: new Map() };
  const atServer = (match: { readonly mode?: TelemetryMode } | undefined, path: string): boolean => {
    if (match?.mode !== 'CLIENT') return true;
    remarks.push(`${path}: a waypoint is a server, so the mode CLIENT has no function`);
    return false;
  };
  for (const [index, logging] of (spec.accessLogging ?? []).entries()) {
    const path = `accessLogging[${index}]`;
    const read = readLogging(logging, path, config, problems);
    if (atServer(logging.match, path)) layer = overlay(layer, { metrics: new Map(), logging: read });
  }
  for (const [index, metrics] of (spec.metrics ?? []).entries()) {
    for (const one of readMetrics(metrics, `metrics[${index}]`, problems, remarks, atServer)) {
      layer = overlay(layer, { metrics: one });
    }
  }
  for (const [index, tracing] of (spec.tracing ?? []).entries()) {
    const path = `tracing[${index}]`;
    const read = readTracing(tracing, path, config, problems);
    if (tracing.useRequestIdForTraceSampling === true) {
      remarks.push(`${path}: sampling is told by the trace context, not by the request id`);
    }
    if (atServer(tracing.match, path)) layer = overlay(layer, { metrics: new Map(), tracing: read });
  }
  return { layer, problems, remarks };
}

/** What `upper`, which is more specific, says goes before what `lower` says, field by field. */
export function overlay(lower: TelemetryLayer, upper: TelemetryLayer): TelemetryLayer {
  const metrics = new Map(lower.metrics);
  for (const [metric, { labels, ...rest }] of upper.metrics) {
    const former = metrics.get(metric);
    metrics.set(metric, { ...former, ...rest, labels: new Map([...(former?.labels ?? []), ...labels]) });
  }
  const logging = lower.logging === undefined ? upper.logging : { ...lower.logging, ...upper.logging };
  const tracing = lower.tracing === undefined ? upper.tracing : { ...lower.tracing, ...upper.tracing };
  return { metrics, ...(logging === undefined ? {} : { logging }), ...(tracing === undefined ? {} : { tracing }) };
}

function readLogging(
  { providers = [], disabled, filter }: AccessLoggingSpec,
  path: string,
  { logProviders }: MeshConfig,
  problems: string[],
): LoggingLayer {
  const formats = new Map<string, LogFormat | null>();
  for (const { name } of providers) {
    const format = logProviders.get(name);
    if (format === undefined) problems.push(`${path}.providers: ${name} is no provider of logs that waypoints have`);
    else if (typeof format === 'string') problems.push(`${path}.providers: ${format}`);
    else formats.set(JSON.stringify(format), format);
  }
  if (formats.size > 1) problems.push(`${path}.providers: a waypoint writes each line in one format alone`);
  const [format] = formats.values();
  const expression = filter?.expression ?? '';
  if (expression !== '') checkExpression(expression, 'bool', `${path}.filter.expression`, problems);
  // Who names a provider wants its log, unless it says otherwise.
  return {
    ...(disabled !== undefined || providers.length > 0 ? { disabled: disabled === true } : {}),
    ...(expression === '' ? {} : { filter: expression }),
    ...(format === undefined ? {} : { format }),
  };
}

function* readMetrics(
  { providers = [], overrides = [], reportingInterval }: MetricsSpec,
  path: string,
  problems: string[],
  remarks: string[],
  atServer: (match: { readonly mode?: TelemetryMode } | undefined, path: string) => boolean,
): Generator<ReadonlyMap<RequestMetric, MetricLayer>> {
  for (const { name } of providers) {
    if (name !== 'prometheus')
      problems.push(`${path}.providers: ${name} is not known; waypoints have prometheus alone`);
  }
  if (reportingInterval !== undefined) problems.push(`${path}.reportingInterval is not honoured`);
  for (const [index, { match, disabled, tagOverrides = {} }] of overrides.entries()) {
    const place = `${path}.overrides[${index}]`;
    const name = match?.metric ?? 'ALL_METRICS';
    if (match?.customMetric !== undefined) problems.push(`${place}.match.customMetric: waypoints have no such metrics`);
    if (name.startsWith('TCP_'))
      problems.push(`${place}.match.metric: ${name} is counted by node proxies as well, and not honoured`);
    if (name === 'ALL_METRICS') remarks.push(`${place}: holds for metrics of requests, not for those of TCP`);
    const labels = new Map<string, string | undefined>();
    for (const [label, { operation = 'UPSERT', value = '' }] of Object.entries(tagOverrides)) {
      if (operation === 'UPSERT') checkExpression(value, 'string', `${place}.tagOverrides.${label}`, problems);
      labels.set(label, operation === 'REMOVE' ? undefined : value);
    }
    const metrics = name === 'ALL_METRICS' ? Object.values(METRICS) : [METRICS[name]].flatMap((one) => one ?? []);
    if (!atServer(match, place)) continue;
    yield new Map(metrics.map((metric) => [metric, { ...(disabled === undefined ? {} : { disabled }), labels }]));
  }
}

function readTracing(
  spec: TracingSpec,
  path: string,
  { traceProviders }: MeshConfig,
  problems: string[],
): TracingLayer {
  const { providers = [], randomSamplingPercentage, disableSpanReporting, enableIstioTags, customTags } = spec;
  if (providers.length > 1) problems.push(`${path}.providers: only one is honoured`);
  if (spec.disableContextPropagation === true) problems.push(`${path}.disableContextPropagation is not honoured`);
  const provider = providerOf(providers, `${path}.providers`, traceProviders, problems);
  for (const [name, { formatter }] of Object.entries(customTags ?? {})) {
    if (formatter !== undefined) checkTemplate(formatter.value, `${path}.customTags.${name}.formatter`, problems);
  }
  return {
    ...(provider === undefined ? {} : { provider }),
    ...(randomSamplingPercentage === undefined ? {} : { percentage: randomSamplingPercentage }),
    ...(disableSpanReporting === undefined ? {} : { disabled: disableSpanReporting }),
    ...(enableIstioTags === undefined ? {} : { meshTags: enableIstioTags }),
    ...(customTags === undefined ? {} : { tags: customTags }),
  };
}

function providerOf(
  [first]: readonly ProviderReference[],
  path: string,
  traceProviders: MeshConfig['traceProviders'],
  problems: string[],
): TraceProvider | undefined {
  if (first === undefined) return undefined;
  const provider = traceProviders.get(first.name);
  if (typeof provider === 'object') return provider;
  problems.push(
    `${path}: ${provider ?? `${first.name} is no provider of traces in extensionProviders of the mesh's settings`}`,
  );
  return undefined;
}

function checkTemplate(text: string, path: string, problems: string[]): void {
  try {
    parseLogTemplate(text);
  } catch (error) {
    problems.push(`${path}: ${messageOf(error)}`);
  }
}

function checkExpression(text: string, type: 'bool' | 'string', path: string, problems: string[]): void {
  try {
    const expression = Expression.compile(text);
    if (expression.type !== type) problems.push(`${path}: is of type ${expression.type}, not ${type}`);
  } catch (error) {
    problems.push(`${path}: ${messageOf(error)}`);
  }
}
