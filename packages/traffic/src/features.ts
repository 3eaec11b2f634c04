/**
 * What a proxy of this version knows how to do, by the names that `ServedService.required_features` uses. The controller
 * lists a feature in a resource when leaving it out would change what the resource means.
 */
export const FEATURES: ReadonlySet<string> = new Set([
  'access-logging',
  'authorization',
  'client-certificates',
  'circuit-breaker',
  'connection-pool',
  'consumer-routes',
  'cors',
  'faults',
  'header-changes',
  'http-routes',
  'locality-preference',
  'metric-overrides',
  'mirrors',
  'path-normalization',
  'outlier-detection',
  'proxy-protocol',
  'redirects',
  'remote-localities',
  'retries',
  'retry-budget',
  'rewrites',
  'source-matches',
  'subsets',
  'tcp-routes',
  'timeouts',
  'tracing',
  'upstream-tls',
  'workloads',
]);
