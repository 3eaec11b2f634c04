import type { ObservedRequest } from './expression/attributes.ts';
import { Expression } from './expression/expression.ts';
import type { LogFormat, MetricOverride, Telemetry, Tracing } from './model/telemetry.ts';

/** Stands for a label whose expression has no value, as Istio's. */
const UNKNOWN = 'unknown';

/** How the requests of a service are logged, counted and traced, made ready. */
export class CompiledTelemetry {
  /** What is to be counted otherwise; undefined: nothing. */
  readonly metrics: CompiledMetricOverrides | undefined;
  readonly tracing: Tracing | undefined;
  /** Undefined: as the waypoint is configured. */
  readonly logFormat: LogFormat | undefined;
  readonly #isLogged: boolean;
  readonly #filter: Expression | undefined;

  constructor({ accessLog, metrics, tracing }: Telemetry) {
    this.#isLogged = accessLog?.disabled !== true;
    const filter = accessLog?.filter ?? '';
    this.#filter = filter === '' ? undefined : Expression.compile(filter);
    this.metrics = metrics.length === 0 ? undefined : new CompiledMetricOverrides(metrics);
    this.tracing = tracing ?? undefined;
    this.logFormat = accessLog?.format ?? undefined;
  }

  /** Whether the line of a connection whose bytes are not looked at is written; no filter can judge it. */
  get logsConnections(): boolean {
    return this.#isLogged;
  }

  /** Whether the line of a request is written. A filter without value is not true. */
  logs(request: ObservedRequest): boolean {
    return this.#isLogged && (this.#filter === undefined || this.#filter.evaluate(request) === true);
  }
}

/** What is counted otherwise than by itself. */
export class CompiledMetricOverrides {
  readonly overrides: readonly MetricOverride[];
  readonly #expressions: readonly Expression[];

  constructor(overrides: readonly MetricOverride[]) {
    this.overrides = overrides;
    this.#expressions = overrides.flatMap(({ labels }) => labels.map(({ value }) => Expression.compile(value)));
  }

  /** The values of the labels of all overrides, one after the other. */
  values(request: ObservedRequest): string[] {
    return this.#expressions.map((expression) => {
      const value = expression.evaluate(request);
      return value === undefined || value === '' ? UNKNOWN : String(value);
    });
  }
}
