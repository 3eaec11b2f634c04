import { create } from '@bufbuild/protobuf';
import { type Cluster, ClusterSchema, Protocol } from '@ambit/proto/waypoint';
import { selects } from '../../labels.ts';
import type { ServicePort } from '../../objects.ts';
import type { MeshService } from '../mesh-service.ts';
import { hostnameOf, serviceKey } from '../service.ts';
import type { ServiceWorkloads } from '../service-workloads.ts';
import type { TranslationSettings } from '../settings.ts';
import type { BackendTlsPolicies } from './backend-tls-policies.ts';
import type { DestinationPolicy, DestinationRules } from './destination-rules.ts';
import { protocolOf } from './protocol.ts';

export interface ClusterSetParts {
  readonly settings: TranslationSettings;
  readonly destinationRules: DestinationRules;
  readonly backendTls: BackendTlsPolicies;
  /** Filled before any cluster is asked for. */
  readonly serviceWorkloads: ServiceWorkloads;
  readonly waypointNamespace: string;
}

/** Where the routes of one served Service lead. */
export class ClusterSet {
  readonly #parts: ClusterSetParts;
  readonly #clusters = new Map<string, Cluster>();

  constructor(parts: ClusterSetParts) {
    this.#parts = parts;
  }

  /**
   * The name of the cluster of a Service's port, or of a subset of it, made when it is asked for first. Undefined: no
   * DestinationRule has such a subset.
   */
  nameOf(service: MeshService, port: ServicePort, subset: string): string | undefined {
    const { settings, destinationRules, backendTls, serviceWorkloads, waypointNamespace } = this.#parts;
    const hostname = hostnameOf(service, settings);
    const { namespace } = service.metadata;
    const plain = `outbound|${port.port}|${subset}|${hostname}`;
    // Two namespaces may call the same host differently.
    const name = (this.#clusters.get(plain)?.namespace ?? namespace) === namespace ? plain : `${plain}|${namespace}`;
    if (this.#clusters.has(name)) return name;
    const policy = destinationRules.policyOf(service, port.port, subset, waypointNamespace);
    if (policy === undefined) return undefined;
    const { loadBalancer, connectTimeoutMs, http, subsetLabels, proxyProtocol } = policy;
    const upstreamTls = backendTls.at(service, port) ?? policy.tls;
    const cluster = create(ClusterSchema, {
      name,
      namespace,
      hostname,
      port: port.port,
      protocol: endpointProtocol(protocolOf(port), http),
      subset,
      subsetWorkloadUids:
        subsetLabels === undefined
          ? []
          : serviceWorkloads.uidsOf(serviceKey(service, settings), (labels) => selects(subsetLabels, labels)),
      loadBalancer,
      connectTimeoutMs,
      proxyProtocol,
      ...(upstreamTls === undefined ? {} : { upstreamTls }),
    });
    this.#clusters.set(name, cluster);
    return name;
  }

  /** All of them, sorted by name. */
  list(): Cluster[] {
    return [...this.#clusters.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

/** What endpoints are spoken to with: what the port declares, unless a DestinationRule knows better. */
function endpointProtocol(declared: Protocol, http: DestinationPolicy['http']): Protocol {
  if (declared === Protocol.TCP || http === undefined) return declared;
  return http === 'http2' ? Protocol.HTTP2 : Protocol.HTTP1;
}
