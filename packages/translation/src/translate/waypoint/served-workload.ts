import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type ClusterSchema,
  PathNormalization,
  Protocol,
  type ServedPortSchema,
  type ServedService,
  ServedServiceSchema,
} from '@ambit/proto/waypoint';
import { objectName } from '../../objects.ts';
import type { ServicePorts } from '../membership.ts';
import type { MeshService } from '../mesh-service.ts';
import { serviceKey, tcpPorts } from '../service.ts';
import type { TranslationSettings } from '../settings.ts';
import { DEFAULT_CONNECT_TIMEOUT_MS } from './destination-rules.ts';
import type { Waypoint } from './gateways.ts';
import { protocolOf } from './protocol.ts';
import { requiredFeaturesOf } from './required-features.ts';
import type { Judgement } from './waypoint-policies.ts';

/** A workload that is bound by itself. */
export interface BoundWorkload {
  readonly uid: string;
  readonly namespace: string;
}

/** Stands for every port of a workload that no Service declares. */
const ANY_PORT = 0;

/** Makes of a bound workload what its waypoint has to know: all of its ports, forwarded to it alone and tried once. */
export class ServedWorkloads {
  readonly #settings: TranslationSettings;
  readonly #services: ReadonlyMap<string, MeshService>;

  constructor(services: readonly MeshService[], settings: TranslationSettings) {
    this.#settings = settings;
    this.#services = new Map(services.map((service) => [serviceKey(service, settings), service]));
  }

  /** Resource name of a workload at a waypoint. */
  nameOf({ gateway }: Waypoint, { uid }: BoundWorkload): string {
    return `${objectName(gateway.metadata)}/${uid}`;
  }

  /** `services`: those that it belongs to. Where policies wait for it that nobody can judge, no port is served. */
  convert(
    { gateway }: Waypoint,
    { uid, namespace }: BoundWorkload,
    services: ServicePorts,
    { closed, policies, tokenRules }: Judgement,
  ): ServedService {
    const ports = closed ? [] : [...this.#portsOf(services)].sort(([a], [b]) => a - b);
    const served = create(ServedServiceSchema, {
      waypointNamespace: gateway.metadata.namespace,
      waypointName: gateway.metadata.name,
      namespace,
      workloadUid: uid,
      pathNormalization: PathNormalization[this.#settings.pathNormalization],
      tokenRules: [...tokenRules],
      authorizationPolicies: [...policies],
      ports: ports.map(([port, protocol]) => servedPort(port, protocol, clusterName(port, uid))),
      clusters: ports.map(([port, protocol]): MessageInitShape<typeof ClusterSchema> => {
        const name = clusterName(port, uid);
        return { name, namespace, port, protocol, workloadUid: uid, connectTimeoutMs: DEFAULT_CONNECT_TIMEOUT_MS };
      }),
    });
    served.requiredFeatures = requiredFeaturesOf(served);
    return served;
  }

  /** By the ports of the workload, what Services declare of them: AUTO when none does, or they do not agree. */
  #portsOf(services: ServicePorts): Map<number, Protocol> {
    const declared = new Map<number, Set<Protocol>>();
    for (const [key, { ports = [] }] of Object.entries(services)) {
      const service = this.#services.get(key);
      if (service === undefined) continue;
      const byNumber = new Map(tcpPorts(service).map((port) => [port.port, port]));
      for (const { servicePort = 0, targetPort = 0 } of ports) {
        const port = byNumber.get(servicePort);
        if (port === undefined || targetPort === 0) continue;
        const protocols = declared.get(targetPort) ?? new Set();
        declared.set(targetPort, protocols.add(protocolOf(port)));
      }
    }
    const result = new Map<number, Protocol>([[ANY_PORT, Protocol.AUTO]]);
    for (const [port, protocols] of declared) {
      protocols.delete(Protocol.AUTO);
      const [only] = protocols;
      result.set(port, protocols.size === 1 && only !== undefined ? only : Protocol.AUTO);
    }
    return result;
  }
}

function servedPort(port: number, protocol: Protocol, cluster: string): MessageInitShape<typeof ServedPortSchema> {
  const destinations = [{ cluster, weight: 100 }];
  return {
    port,
    protocol,
    routes:
      protocol === Protocol.TCP ? [] : [{ name: 'default', action: { case: 'forward', value: { destinations } } }],
    tcpDestinations: protocol === Protocol.TCP || protocol === Protocol.AUTO ? destinations : [],
  };
}

function clusterName(port: number, uid: string): string {
  return `workload|${port}||${uid}`;
}
