import { type HttpRoute, PathNormalization, ProxyProtocol, type ServedService } from '@ambit/proto/waypoint';

/** What a proxy must know how to do to honour a resource, by the names of `@ambit/traffic/features`, sorted. */
export function requiredFeaturesOf(served: ServedService): string[] {
  const {
    ports,
    clusters,
    workloadUid,
    authorizationPolicies,
    authorizers,
    pathNormalization,
    telemetry,
    localRateLimits,
    clientFields,
    tokenRules,
  } = served;
  const consumers = ports.flatMap((port) => port.consumers);
  const clients = [...ports, ...consumers];
  return [
    ...new Set([
      ...clients.flatMap(({ routes }) => routes).flatMap((route) => routeFeatures(route)),
      ...namesOf([
        ['access-log-format', telemetry?.accessLog?.format !== undefined],
        ['access-logging', telemetry?.accessLog !== undefined],
        ['authorization', authorizationPolicies.length > 0],
        ['client-certificates', clusters.some(({ upstreamTls }) => (upstreamTls?.clientCertificate ?? '') !== '')],
        ['client-fields', clientFields !== undefined],
        ['circuit-breaker', clusters.some(({ circuitBreaker }) => circuitBreaker !== undefined)],
        ['connection-pool', clusters.some(({ connectionPool }) => connectionPool !== undefined)],
        ['consistent-hash', clusters.some(({ consistentHash }) => consistentHash !== undefined)],
        ['consumer-routes', consumers.length > 0],
        ['http2-keepalive', clusters.some(({ connectionPool }) => connectionPool?.http2Keepalive !== undefined)],
        ['locality-preference', clusters.some(({ localityPreference }) => localityPreference !== undefined)],
        ['local-rate-limits', localRateLimits.length > 0],
        ['external-authorization', authorizers.length > 0],
        ['metric-overrides', (telemetry?.metrics ?? []).length > 0],
        ['path-normalization', pathNormalization !== PathNormalization.BASE],
        ['outlier-detection', clusters.some(({ outlierDetection }) => outlierDetection !== undefined)],
        ['proxy-protocol', clusters.some(({ proxyProtocol }) => proxyProtocol !== ProxyProtocol.NO_PROXY_PROTOCOL)],
        ['request-authentication', tokenRules.length > 0],
        ['retry-budget', clusters.some(({ retryBudget }) => retryBudget !== undefined)],
        ['slow-start', clusters.some(({ warmup }) => warmup !== undefined)],
        ['subsets', clusters.some(({ subset }) => subset !== '')],
        ['tcp-routes', clients.some(({ tcpDestinations }) => tcpDestinations.length > 0)],
        ['tracing', telemetry?.tracing !== undefined],
        ['upstream-tls', clusters.some(({ upstreamTls }) => upstreamTls !== undefined)],
        ['workloads', workloadUid !== ''],
      ]),
    ]),
  ].sort();
}

/** What one route asks for. */
export function routeFeatures({ matches, action, requestHeaders, responseHeaders, fault, cors }: HttpRoute): string[] {
  const forward = action.case === 'forward' ? action.value : undefined;
  const destinations = forward?.destinations ?? [];
  const levels = forward === undefined ? [] : [forward, ...destinations];
  const changes = [requestHeaders, responseHeaders].concat(
    destinations.flatMap((destination) => [destination.requestHeaders, destination.responseHeaders]),
  );
  const retry = forward?.retry;
  return namesOf([
    ['cors', cors !== undefined],
    ['faults', fault !== undefined],
    ['header-changes', changes.some((change) => change !== undefined)],
    ['http-routes', true],
    ['mirrors', levels.some(({ mirrors }) => mirrors.length > 0)],
    ['redirects', action.case === 'redirect' || destinations.some(({ redirect }) => redirect !== undefined)],
    ['remote-localities', retry?.remoteLocalities === true],
    ['retries', retry !== undefined],
    ['rewrites', levels.some(({ rewrite }) => rewrite !== undefined)],
    ['session-persistence', forward?.sessionPersistence !== undefined],
    ['source-matches', matches.some(({ source }) => source !== undefined)],
    ['timeouts', (forward?.timeoutMs ?? 0) > 0 || (retry?.perTryTimeoutMs ?? 0) > 0],
  ]);
}

function namesOf(features: readonly (readonly [string, boolean])[]): string[] {
  return features.flatMap(([feature, isUsed]) => (isUsed ? [feature] : []));
}
