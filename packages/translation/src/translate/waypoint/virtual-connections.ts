import { AppProtocol } from '@ambit/proto/workload';
import type { VirtualDestination, VirtualService } from '../../traffic-objects.ts';
import { appProtocolOf } from '../service.ts';
import type { Listener } from './virtual-targets.ts';
import { appliesAt } from './virtual-gateways.ts';

/**
 * Where a VirtualService sends the connections of a port; undefined: it does not route them. The name in a TLS handshake
 * is not looked at: a route that asks for the Service's own host takes all connections of a port that is not declared to
 * carry anything but TLS (Istio's waypoints do the same).
 */
export function connectionRoute(
  { spec }: VirtualService,
  { port }: Listener,
  hostname: string,
): readonly VirtualDestination[] | undefined {
  const declared = appProtocolOf(port);
  const mayBeTls = declared === AppProtocol.TLS || declared === AppProtocol.UNKNOWN;
  const tls = (spec.tls ?? []).find(
    ({ match = [] }) =>
      mayBeTls &&
      match.some((one) => {
        return appliesAt(one, port.port) && (one.sniHosts ?? []).some((name) => name.toLowerCase() === hostname);
      }),
  );
  const found =
    tls ??
    (spec.tcp ?? []).find(({ match = [] }) => match.length === 0 || match.some((one) => appliesAt(one, port.port)));
  return found === undefined ? undefined : (found.route ?? []);
}
