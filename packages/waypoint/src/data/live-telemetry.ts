import type { MetricShape, MetricShaping, MetricTags } from '@ambit/telemetry/metric-shape';
import {
  REQUEST_BYTES,
  REQUEST_DURATION,
  REQUEST_MESSAGES,
  REQUESTS,
  RESPONSE_BYTES,
  RESPONSE_MESSAGES,
} from '@ambit/telemetry/request-families';
import type { RequestMetrics } from '@ambit/telemetry/request-metrics';
import type { CompiledMetricOverrides, CompiledTelemetry } from '@ambit/traffic/compiled-telemetry';
import type { RecordWriter } from '@ambit/proxy/access-log';
import type { ObservedRequest } from '@ambit/traffic/expression/attributes';
import type { RequestMetric } from '@ambit/traffic/model/telemetry';
import { FormattedTag, formattedLog } from './formatted-log.ts';
import type { LoggedValues } from './logged-values.ts';

const FAMILIES: { readonly [Metric in RequestMetric]: string } = {
  'grpc-request-messages': REQUEST_MESSAGES.name,
  'grpc-response-messages': RESPONSE_MESSAGES.name,
  'request-count': REQUESTS.name,
  'request-duration': REQUEST_DURATION.name,
  'request-size': REQUEST_BYTES.name,
  'response-size': RESPONSE_BYTES.name,
};

/** How the requests of a service are logged and counted, with what this thread has counted so before. */
export class LiveTelemetry {
  readonly compiled: CompiledTelemetry;
  /** Undefined: lines are as the waypoint is configured. */
  readonly logFormat: RecordWriter<LoggedValues> | undefined;
  readonly #formattedTags: readonly FormattedTag[];
  readonly #overrides: CompiledMetricOverrides | undefined;
  readonly #shaping: MetricShaping | undefined;

  /** `service`: the name of its resource. */
  constructor(compiled: CompiledTelemetry, service: string, metrics: RequestMetrics) {
    this.compiled = compiled;
    this.logFormat = compiled.logFormat === undefined ? undefined : formattedLog(compiled.logFormat);
    this.#formattedTags = (compiled.tracing?.tags ?? []).flatMap(({ name, source, text }) =>
      source === 'formatter' ? [new FormattedTag(name, text)] : [],
    );
    this.#overrides = compiled.metrics;
    this.#shaping = this.#overrides === undefined ? undefined : metrics.shaping(service, shapesOf(this.#overrides));
  }

  /** Names and values, by turns, of the tags of its span that are written as formats. */
  spanTags(request: LoggedValues): string[] {
    return this.#formattedTags.flatMap((tag) => [tag.name, tag.value(request)]);
  }

  /** Undefined: the request is counted by its own labels. */
  tags(request: ObservedRequest): MetricTags | undefined {
    return this.#overrides === undefined ? undefined : this.#shaping?.tags(this.#overrides.values(request));
  }
}

function shapesOf({ overrides }: CompiledMetricOverrides): MetricShape[] {
  let value = 0;
  return overrides.map(({ metric, disabled, removedLabels, labels }) => ({
    family: FAMILIES[metric],
    disabled,
    removed: removedLabels,
    labels: labels.map(({ name }) => {
      value += 1;
      return { name, value: value - 1 };
    }),
  }));
}
