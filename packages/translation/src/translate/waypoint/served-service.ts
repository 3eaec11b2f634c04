import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type HttpRouteSchema,
  Protocol,
  type ServedPortSchema,
  type ServedService,
  ServedServiceSchema,
} from '@ambit/proto/waypoint';
import { objectName, type Service } from '../../objects.ts';
import { hostnameOf, tcpPorts } from '../service.ts';
import type { TranslationSettings } from '../settings.ts';
import { ClusterSet } from './clusters.ts';
import type { Waypoint } from './gateways.ts';
import { protocolOf } from './protocol.ts';
import { requiredFeaturesOf } from './required-features.ts';
import { DEFAULT_RETRY } from './retry.ts';

export type HttpRouteInit = MessageInitShape<typeof HttpRouteSchema>;

/** Resource name of a service at a waypoint. */
export function servedServiceName({ gateway }: Waypoint, service: Service, settings: TranslationSettings): string {
  return `${objectName(gateway.metadata)}/${service.metadata.namespace}/${hostnameOf(service, settings)}`;
}

/** What a waypoint has to know of a Service that is bound to it. `judged`: policies wait for it there. */
export function servedServiceOf(
  waypoint: Waypoint,
  service: Service,
  judged: boolean,
  settings: TranslationSettings,
): ServedService {
  const clusters = new ClusterSet(settings);
  const ports = tcpPorts(service).map((port): MessageInitShape<typeof ServedPortSchema> => {
    const protocol = protocolOf(port);
    const own = [{ cluster: clusters.nameOf(service, port), weight: 100 }];
    const everything: HttpRouteInit = {
      name: 'default',
      action: { case: 'forward', value: { destinations: own, retry: DEFAULT_RETRY } },
    };
    return {
      port: port.port,
      protocol,
      routes: protocol === Protocol.TCP ? [] : [everything],
      tcpDestinations: protocol === Protocol.TCP || protocol === Protocol.AUTO ? own : [],
    };
  });
  const served = create(ServedServiceSchema, {
    waypointNamespace: waypoint.gateway.metadata.namespace,
    waypointName: waypoint.gateway.metadata.name,
    namespace: service.metadata.namespace,
    hostname: hostnameOf(service, settings),
    ports,
    clusters: clusters.list(),
  });
  served.requiredFeatures = requiredFeaturesOf(served, judged);
  return served;
}
