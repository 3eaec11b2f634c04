import { Protocol } from '@ambit/proto/waypoint';
import { AppProtocol } from '@ambit/proto/workload';
import type { ServicePort } from '../../objects.ts';
import { appProtocolOf } from '../service.ts';

/**
 * Ports whose servers commonly speak first (SMTP, DNS, MySQL, MongoDB), as Istio takes them: waiting for the client's
 * first octet to find out whether it is HTTP would wait for ever.
 */
const SERVER_FIRST_PORTS: ReadonlySet<number> = new Set([25, 53, 3306, 27017]);

const PROTOCOLS: ReadonlyMap<AppProtocol, Protocol> = new Map([
  [AppProtocol.HTTP11, Protocol.HTTP1],
  [AppProtocol.HTTP2, Protocol.HTTP2],
  [AppProtocol.GRPC, Protocol.HTTP2],
  [AppProtocol.TCP, Protocol.TCP],
  [AppProtocol.TLS, Protocol.TCP],
]);

/** What a waypoint takes the traffic of a Service's port for. */
export function protocolOf(port: ServicePort): Protocol {
  const declared = PROTOCOLS.get(appProtocolOf(port));
  return declared ?? (SERVER_FIRST_PORTS.has(port.port) ? Protocol.TCP : Protocol.AUTO);
}
