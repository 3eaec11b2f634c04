import { counter, gauge, histogram, type MetricFamily } from './metric-family.ts';
import { MESSAGE_LABELS, REQUEST_LABELS } from './request-labels.ts';

/**
 * Upper bounds of all three histograms, milliseconds or bytes alike. These are Envoy's defaults (histogram_impl.cc,
 * defaultBuckets); Istio's bootstrap sets others only for who asks by the annotation `sidecar.istio.io/statsHistogramBuckets`.
 */
export const REQUEST_BUCKETS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];

export const REQUESTS: MetricFamily = counter(
  'istio_requests_total',
  'Requests that were answered or given up.',
  REQUEST_LABELS,
);
export const REQUEST_DURATION: MetricFamily = histogram(
  'istio_request_duration_milliseconds',
  'Time from the first byte of a request to the last of its response.',
  REQUEST_BUCKETS,
  REQUEST_LABELS,
);
export const REQUEST_BYTES: MetricFamily = histogram(
  'istio_request_bytes',
  'Size of requests, heads included.',
  REQUEST_BUCKETS,
  REQUEST_LABELS,
);
export const RESPONSE_BYTES: MetricFamily = histogram(
  'istio_response_bytes',
  'Size of responses, heads included.',
  REQUEST_BUCKETS,
  REQUEST_LABELS,
);
export const REQUEST_MESSAGES: MetricFamily = counter(
  'istio_request_messages_total',
  'gRPC messages from the source to the destination.',
  MESSAGE_LABELS,
);
export const RESPONSE_MESSAGES: MetricFamily = counter(
  'istio_response_messages_total',
  'gRPC messages from the destination to the source.',
  MESSAGE_LABELS,
);

export const MIRRORED_REQUESTS: MetricFamily = counter(
  'ambit_mirrored_requests_total',
  'Copies of requests for the cluster of a mirror; result says what came of them.',
  ['cluster', 'result'],
);

export const DETECTED_PROTOCOLS: MetricFamily = counter(
  'ambit_detected_protocols_total',
  'Connections to ports of undeclared protocol, by what they turned out to speak.',
  ['protocol'],
);

export const AUTHORIZER_CHECKS: MetricFamily = counter(
  'ambit_authorizer_checks_total',
  'Requests that an external authorizer was to be asked about, by how that ended: allowed, denied, error, timeout, failure_mode_allowed, overflow, too_large, unavailable or cancelled.',
  ['authorizer', 'result'],
);

export const UPSTREAM_REFUSALS: MetricFamily = counter(
  'ambit_upstream_refusals_total',
  'Requests, retries and connections that a limit of the cluster or its open circuit breaker kept from being sent; reason says which.',
  ['cluster', 'reason'],
);
export const RATE_LIMITED: MetricFamily = counter(
  'ambit_rate_limit_requests_total',
  'Requests that a rule of a LocalRateLimitPolicy was asked about; result is admitted, limited, or would_limit in dry run.',
  ['policy', 'rule', 'result'],
);
export const RATE_LIMIT_SHARED: MetricFamily = counter(
  'ambit_rate_limit_shared_total',
  'Requests whose key had no bucket of its own any more, so that they took from the one that all such keys share.',
  ['policy', 'rule'],
);
export const OUTLIER_EJECTIONS: MetricFamily = counter(
  'ambit_outlier_ejections_total',
  'Endpoints that were taken out of the cluster because they failed; cause says how, and prevented that too many were out already.',
  ['cluster', 'cause'],
);
export const OUTLIERS_OUT: MetricFamily = gauge(
  'ambit_outlier_endpoints_out',
  'Endpoints that are out of the cluster now.',
  ['cluster'],
);
export const REBALANCED_CONNECTIONS: MetricFamily = counter(
  'ambit_rebalanced_connections_total',
  'Clients whose HTTP connections were asked to come again because the waypoint got more pods.',
  [],
);
export const BREAKER_OPENED: MetricFamily = counter(
  'ambit_circuit_breaker_opened_total',
  'How often the circuit breaker of the cluster has opened.',
  ['cluster'],
);
export const BREAKER_STATE: MetricFamily = gauge(
  'ambit_circuit_breaker_state',
  'The circuit breaker of the cluster: 0 closed, 1 open, 2 half-open.',
  ['cluster'],
);
export const SPANS_SENT: MetricFamily = counter(
  'ambit_spans_sent_total',
  'Spans of traces that a collector has taken.',
  ['collector'],
);
export const SPANS_DROPPED: MetricFamily = counter(
  'ambit_spans_dropped_total',
  'Spans of traces that no collector got: thread, queue, unreachable, refused or collectors.',
  ['collector', 'reason'],
);

export const TOKENS: MetricFamily = counter(
  'ambit_tokens_total',
  'Requests whose tokens (RequestAuthentication) were looked at: good, or what was wrong with one.',
  ['result'],
);
export const JWKS_FETCHES: MetricFamily = counter(
  'ambit_jwks_fetches_total',
  'Attempts to fetch the public keys of an issuer: fetched, forbidden, unreachable or unusable.',
  ['result'],
);
export const JWKS_SOURCES: MetricFamily = gauge(
  'ambit_jwks_sources',
  'Issuers whose public keys are fetched: fresh, stale since the last attempt failed, or without any keys.',
  ['state'],
);

/** What a waypoint counts of requests, in the order of the scrape. */
export const REQUEST_FAMILIES: readonly MetricFamily[] = [
  REQUESTS,
  REQUEST_DURATION,
  REQUEST_BYTES,
  RESPONSE_BYTES,
  REQUEST_MESSAGES,
  RESPONSE_MESSAGES,
  MIRRORED_REQUESTS,
  SPANS_SENT,
  SPANS_DROPPED,
  DETECTED_PROTOCOLS,
  AUTHORIZER_CHECKS,
  UPSTREAM_REFUSALS,
  RATE_LIMITED,
  RATE_LIMIT_SHARED,
  OUTLIER_EJECTIONS,
  OUTLIERS_OUT,
  BREAKER_OPENED,
  BREAKER_STATE,
  REBALANCED_CONNECTIONS,
  TOKENS,
  JWKS_FETCHES,
  JWKS_SOURCES,
];
