import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  PathNormalization,
  Protocol,
  type ServedPortSchema,
  type ServedService,
  ServedServiceSchema,
} from '@ambit/proto/waypoint';
import { objectName, type ServicePort } from '../../objects.ts';
import type { MeshService } from '../mesh-service.ts';
import { hostnameOf, tcpPorts } from '../service.ts';
import type { ServiceWorkloads } from '../service-workloads.ts';
import type { TranslationSettings } from '../settings.ts';
import type { BackendTlsPolicies } from './backend-tls-policies.ts';
import { ClusterSet } from './clusters.ts';
import type { DestinationRules } from './destination-rules.ts';
import type { GatewayRoutes, RouteSet } from './gateway-routes.ts';
import type { Waypoint } from './gateways.ts';
import { withMeshRetry } from './mesh-retry.ts';
import { protocolOf } from './protocol.ts';
import type { RetryPolicyInit } from './retry.ts';
import { requiredFeaturesOf } from './required-features.ts';
import { consumerRoutes, gatewayRoutes, servedProtocol } from './served-port.ts';
import { defaultRoute, type DestinationInit, type HttpRouteInit, weighted } from './served-route.ts';
import type { VirtualServices } from './virtual-services.ts';
import type { Judgement } from './waypoint-policies.ts';

export interface ServedServicesParts {
  readonly settings: TranslationSettings;
  /** What is tried again where no object says so. */
  readonly meshRetry: RetryPolicyInit;
  readonly gatewayRoutes: GatewayRoutes;
  readonly virtualServices: VirtualServices;
  readonly destinationRules: DestinationRules;
  readonly backendTls: BackendTlsPolicies;
  /** Filled before any Service is asked for. */
  readonly serviceWorkloads: ServiceWorkloads;
}

interface Place {
  readonly service: MeshService;
  readonly port: ServicePort;
  readonly clusters: ClusterSet;
  readonly waypointNamespace: string;
}

/** Makes of a bound Service what its waypoint has to know. */
export class ServedServices {
  readonly #parts: ServedServicesParts;

  constructor(parts: ServedServicesParts) {
    this.#parts = parts;
  }

  /** Resource name of a service at a waypoint. */
  nameOf({ gateway }: Waypoint, service: MeshService): string {
    const hostname = hostnameOf(service, this.#parts.settings);
    return `${objectName(gateway.metadata)}/${service.metadata.namespace}/${hostname}`;
  }

  /**
   * Where policies wait that no waypoint can judge, no port is served. To ask for a feature that none has would not do: one that
   * serves the Service already would keep the version without the policy.
   */
  convert({ gateway }: Waypoint, service: MeshService, { closed, policies, tokenRules }: Judgement): ServedService {
    const waypointNamespace = gateway.metadata.namespace;
    const clusters = new ClusterSet({ ...this.#parts, waypointNamespace });
    const ports = tcpPorts(service).map((port) => this.#port(service, port, waypointNamespace, clusters));
    const served = create(ServedServiceSchema, {
      waypointNamespace,
      waypointName: gateway.metadata.name,
      namespace: service.metadata.namespace,
      hostname: hostnameOf(service, this.#parts.settings),
      ports: closed ? [] : ports,
      clusters: closed ? [] : clusters.list(),
      pathNormalization: PathNormalization[this.#parts.settings.pathNormalization],
      tokenRules: [...tokenRules],
      authorizationPolicies: [...policies],
    });
    served.requiredFeatures = requiredFeaturesOf(served);
    return served;
  }

  #port(
    service: MeshService,
    port: ServicePort,
    waypointNamespace: string,
    clusters: ClusterSet,
  ): MessageInitShape<typeof ServedPortSchema> {
    const { everybody, consumers } = this.#parts.gatewayRoutes.at(service, port);
    const protocol = servedProtocol(port, everybody, consumers);
    const place = { service, port, clusters, waypointNamespace };
    const tried = (route: HttpRouteInit): HttpRouteInit => withMeshRetry(route, this.#parts.meshRetry);
    const carries = {
      requests: protocol !== Protocol.TCP,
      connections: protocol === Protocol.TCP || protocol === Protocol.AUTO,
    };
    return {
      port: port.port,
      protocol,
      routes: carries.requests ? this.#routes(place, everybody).map(tried) : [],
      tcpDestinations: carries.connections ? this.#tcpDestinations(place, everybody) : [],
      consumers: consumers.map(({ namespace, set }) => ({
        namespace,
        routes: carries.requests ? consumerRoutes(set, port, clusters).map(tried) : [],
        tcpDestinations: set.what === 'connections' && carries.connections ? weighted(set.backends, clusters) : [],
      })),
    };
  }

  /** Routes of the Gateway API, else of VirtualServices, else the one to where the request was sent. */
  #routes({ service, port, clusters, waypointNamespace }: Place, set: RouteSet | undefined): HttpRouteInit[] {
    const { virtualServices } = this.#parts;
    const listener = { service, port, clusters, waypointNamespace, what: 'requests' } as const;
    if (set !== undefined) {
      virtualServices.lose(listener);
      return gatewayRoutes(set, port, clusters);
    }
    const routes = virtualServices.httpRoutes(listener);
    return routes.length > 0 ? routes : [defaultRoute(own(service, port, clusters))];
  }

  /** Where connections go, by the same order. */
  #tcpDestinations(
    { service, port, clusters, waypointNamespace }: Place,
    set: RouteSet | undefined,
  ): DestinationInit[] {
    const { virtualServices } = this.#parts;
    const listener = { service, port, clusters, waypointNamespace, what: 'connections' } as const;
    if (set?.what === 'connections') {
      virtualServices.lose(listener);
      // Otherwise its requests would have been theirs.
      if (protocolOf(port) === Protocol.AUTO) {
        virtualServices.lose({ ...listener, what: 'requests' });
      }
      return weighted(set.backends, clusters);
    }
    return virtualServices.tcpDestinations(listener) ?? [own(service, port, clusters)];
  }
}

function own(service: MeshService, port: ServicePort, clusters: ClusterSet): { cluster: string; weight: number } {
  return { cluster: clusters.nameOf(service, port, '') ?? '', weight: 100 };
}
