import type { ServedPort as Message } from '@ambit/proto/waypoint';
import type { Problems } from './problems.ts';
import { PROTOCOLS } from './read-cluster.ts';
import { readDestinations } from './read-destinations.ts';
import { readRoute } from './read-route.ts';
import type { ServedPort } from './served-service.ts';

export function readPort(
  message: Message,
  field: string,
  clusters: ReadonlySet<string>,
  problems: Problems,
): ServedPort {
  problems.checkPort(message.port, `${field}.port`);
  const protocol = problems.enumName(PROTOCOLS, message.protocol, `${field}.protocol`);
  if (protocol === 'tcp' && message.routes.length > 0) {
    problems.add(`${field}.routes`, 'a port of protocol TCP has no HTTP routes; was its protocol changed?');
  }
  if ((protocol === 'http1' || protocol === 'http2') && message.tcpDestinations.length > 0) {
    problems.add(`${field}.tcp_destinations`, 'a port of protocol HTTP has none; was its protocol changed?');
  }
  return {
    port: message.port,
    protocol: protocol ?? 'auto',
    routes: message.routes.map((route, index) => readRoute(route, `${field}.routes[${index}]`, clusters, problems)),
    tcpDestinations: readDestinations(message.tcpDestinations, `${field}.tcp_destinations`, clusters, problems),
  };
}
