import type { ServedService } from '@ambit/proto/waypoint';

/**
 * What a proxy must know how to do to honour a resource, by the names of `@ambit/traffic/features`, sorted. A `judged`
 * service asks for `authorization`, which no proxy has: rather than pass what a policy would deny, it is not served.
 */
export function requiredFeaturesOf({ ports, clusters }: ServedService, judged: boolean): string[] {
  const routes = ports.flatMap((port) => port.routes);
  const forwards = routes.flatMap(({ action }) => (action.case === 'forward' ? [action.value] : []));
  const used: readonly (readonly [string, boolean])[] = [
    ['authorization', judged],
    ['http-routes', routes.length > 0],
    ['retries', forwards.some(({ retry }) => retry !== undefined)],
    ['subsets', clusters.some(({ subset }) => subset !== '')],
    ['tcp-routes', ports.some(({ tcpDestinations }) => tcpDestinations.length > 0)],
    ['timeouts', forwards.some(({ timeoutMs, retry }) => timeoutMs > 0 || (retry?.perTryTimeoutMs ?? 0) > 0)],
  ];
  return used.flatMap(([feature, isUsed]) => (isUsed ? [feature] : []));
}
