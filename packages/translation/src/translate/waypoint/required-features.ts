import type { ServedService } from '@ambit/proto/waypoint';

/** What a proxy must know how to do to honour a resource, by the names of `@ambit/traffic/features`, sorted. */
export function requiredFeaturesOf({ ports, clusters }: ServedService): string[] {
  const routes = ports.flatMap((port) => port.routes);
  const forwards = routes.flatMap(({ action }) => (action.case === 'forward' ? [action.value] : []));
  const used: readonly (readonly [string, boolean])[] = [
    ['http-routes', routes.length > 0],
    ['retries', forwards.some(({ retry }) => retry !== undefined)],
    ['subsets', clusters.some(({ subset }) => subset !== '')],
    ['tcp-routes', ports.some(({ tcpDestinations }) => tcpDestinations.length > 0)],
    ['timeouts', forwards.some(({ timeoutMs, retry }) => timeoutMs > 0 || (retry?.perTryTimeoutMs ?? 0) > 0)],
  ];
  return used.flatMap(([feature, isUsed]) => (isUsed ? [feature] : []));
}
