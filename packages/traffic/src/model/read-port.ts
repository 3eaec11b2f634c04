import type { ConsumerRoutes as ConsumerMessage, ServedPort as Message } from '@ambit/proto/waypoint';
import type { Problems } from './problems.ts';
import { PROTOCOLS } from './read-cluster.ts';
import { readTcpDestinations } from './read-destinations.ts';
import { readRoute } from './read-route.ts';
import type { ConsumerRoutes, Protocol, ServedPort } from './served-service.ts';

/** `message.port` is checked by the caller, who knows whether it may be 0. */
export function readPort(
  message: Message,
  field: string,
  clusters: ReadonlySet<string>,
  problems: Problems,
): ServedPort {
  const protocol = problems.enumName(PROTOCOLS, message.protocol, `${field}.protocol`);
  problems.refuseRepeated(
    `${field}.consumers`,
    message.consumers.map(({ namespace }) => namespace),
    'namespace',
  );
  return {
    port: message.port,
    protocol: protocol ?? 'auto',
    ...readRoutes(message, protocol, field, clusters, problems),
    consumers: message.consumers.map((consumer, index) =>
      readConsumer(consumer, protocol, `${field}.consumers[${index}]`, clusters, problems),
    ),
  };
}

function readConsumer(
  message: ConsumerMessage,
  protocol: Protocol | undefined,
  field: string,
  clusters: ReadonlySet<string>,
  problems: Problems,
): ConsumerRoutes {
  if (message.namespace.length === 0) problems.add(`${field}.namespace`, 'is empty');
  return { namespace: message.namespace, ...readRoutes(message, protocol, field, clusters, problems) };
}

function readRoutes(
  { routes, tcpDestinations }: ConsumerMessage | Message,
  protocol: Protocol | undefined,
  field: string,
  clusters: ReadonlySet<string>,
  problems: Problems,
): Pick<ServedPort, 'routes' | 'tcpDestinations'> {
  if (protocol === 'tcp' && routes.length > 0) {
    problems.add(`${field}.routes`, 'a port of protocol TCP has no HTTP routes; was its protocol changed?');
  }
  if ((protocol === 'http1' || protocol === 'http2') && tcpDestinations.length > 0) {
    problems.add(`${field}.tcp_destinations`, 'a port of protocol HTTP has none; was its protocol changed?');
  }
  return {
    routes: routes.map((route, index) => readRoute(route, `${field}.routes[${index}]`, clusters, problems)),
    tcpDestinations: readTcpDestinations(tcpDestinations, `${field}.tcp_destinations`, clusters, problems),
  };
}
