import { Protocol } from '@ambit/proto/waypoint';
import { AppProtocol } from '@ambit/proto/workload';
import type { ServicePort } from '../../objects.ts';
import { appProtocolOf } from '../service.ts';

/**
 * Ports whose servers commonly speak first (SMTP, DNS, MySQL, MongoDB), as Istio takes them: waiting for the client's
 * first octet to find out whether it is HTTP would wait for ever.
 */
const SERVER_FIRST_PORTS: ReadonlySet<number> = new Set([25, 53, 3306, 27017]);

/** What a waypoint takes the traffic of a Service's port for. */
export function protocolOf(port: ServicePort): Protocol {
  switch (appProtocolOf(port)) {
    case AppProtocol.HTTP11:
      return Protocol.HTTP1;
    case AppProtocol.HTTP2:
    case AppProtocol.GRPC:
      return Protocol.HTTP2;
    case AppProtocol.TCP:
    case AppProtocol.TLS:
      return Protocol.TCP;
    default:
      return SERVER_FIRST_PORTS.has(port.port) ? Protocol.TCP : Protocol.AUTO;
  }
}
