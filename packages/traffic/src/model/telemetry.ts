// How the requests of a service are logged, counted and traced. Plain data, as all of the model.

export interface Telemetry {
  /** Null: as the waypoint is configured. */
  readonly accessLog: AccessLogging | null;
  /** At most one per metric. */
  readonly metrics: readonly MetricOverride[];
  /** Null: no traces. */
  readonly tracing: Tracing | null;
}

export interface AccessLogging {
  readonly disabled: boolean;
  /** An expression (`expression/`) that must be true of what is logged; empty: everything is. */
  readonly filter: string;
  /** Null: as the waypoint is configured. */
  readonly format: LogFormat | null;
}

/** How a line is written, with the operators of `log-format/`. */
export type LogFormat = { readonly omitEmptyValues: boolean } & (
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'labels';
      /** Keys of a line of JSON, in this order. */
      readonly labels: readonly { readonly name: string; readonly value: string }[];
    }
);

export type RequestMetric =
  | 'grpc-request-messages'
  | 'grpc-response-messages'
  | 'request-count'
  | 'request-duration'
  | 'request-size'
  | 'response-size';

export interface MetricOverride {
  readonly metric: RequestMetric;
  readonly disabled: boolean;
  readonly removedLabels: readonly string[];
  readonly labels: readonly MetricLabel[];
}

export interface MetricLabel {
  readonly name: string;
  /** An expression for a text. */
  readonly value: string;
}

export interface Tracing {
  /** Null: context is passed on, and no span is sent. */
  readonly collector: TraceCollector | null;
  /** Of a million requests that come without a decision. */
  readonly sampledPerMillion: number;
  readonly tags: readonly TraceTag[];
  /** Whether spans say who client and endpoint are. */
  readonly meshTags: boolean;
  readonly serviceName: string;
}

export interface TraceCollector {
  readonly name: string;
  /** Says how spans are sent, and which trace context endpoints get. */
  readonly protocol: 'otlp' | 'otlp-grpc' | 'zipkin';
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

export interface TraceTag {
  readonly name: string;
  readonly source: 'environment' | 'formatter' | 'header' | 'literal';
  /** The literal, the name of the variable or header, or a format with the operators of `log-format/`. */
  readonly text: string;
  /** Where it is not there; empty: then there is no tag. */
  readonly defaultValue: string;
}
