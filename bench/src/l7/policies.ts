/** What a waypoint with everything on asks for, limits and reports: for our objects and Envoy's configuration alike. */

/** Who issues tokens, to whom and for whom. */
export const ISSUER = 'https://issuer.bench.example';
export const SUBJECT = 'bench-client';
export const AUDIENCE = 'echo';

/** Nobody may ask for paths that begin so. */
export const DENIED_PREFIX = '/admin';
/** Somebody else may ask for paths that begin so. */
export const PROBE_PREFIX = '/healthz';
export const PROBE_ACCOUNT = 'probe';

/** Connections and requests to one backend: counted, and more than any load reaches. */
export const LIMIT = 100_000;
/** Retries of one backend at once. */
export const RETRIES_AT_ONCE = 1_000;

export const RETRY = { attempts: 2, code: 503, backOffMs: 25 } as const;

export const OUTLIERS = {
  consecutive5xx: 5,
  intervalSeconds: 10,
  ejectionSeconds: 30,
  largestPercent: 50,
} as const;

/** Share of the traces that are reported, in percent. */
export const SAMPLED_PERCENT = 1;
/** Where the collector takes OpenTelemetry's reports. */
export const COLLECTOR_PORT = 4318;
export const COLLECTOR_PATH = '/v1/traces';
