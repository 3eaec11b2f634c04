import { create } from '@bufbuild/protobuf';
import { type Cluster, ClusterSchema, Protocol } from '@ambit/proto/waypoint';
import { selects } from '../../labels.ts';
import { MAX_SUBSET_WORKLOADS } from '../../limits.ts';
import type { ServicePort, Texts } from '../../objects.ts';
import type { MeshService } from '../mesh-service.ts';
import { hostnameOf, serviceKey } from '../service.ts';
import type { ServiceWorkloads } from '../service-workloads.ts';
import type { TranslationSettings } from '../settings.ts';
import type { BackendTlsPolicies } from './backend-tls-policies.ts';
import type { DestinationPolicy, DestinationRules } from './destination-rules.ts';
import { localityPreference } from './locality-preference.ts';
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
  /** Workloads that subsets may still list; none once one of them did not fit, so that no further one is looked at. */
  #room: number = MAX_SUBSET_WORKLOADS;

  constructor(parts: ClusterSetParts) {
    this.#parts = parts;
  }

  /**
   * The name of the cluster of a Service's port, or of a subset of it, made when it is asked for first. Undefined: see
   * `whyNone`.
   */
  nameOf(service: MeshService, port: ServicePort, subset: string): string | undefined {
    const { settings, destinationRules, backendTls, waypointNamespace } = this.#parts;
    const hostname = hostnameOf(service, settings);
    const { namespace } = service.metadata;
    const plain = `outbound|${port.port}|${subset}|${hostname}`;
    // Two namespaces may call the same host differently.
    const name = (this.#clusters.get(plain)?.namespace ?? namespace) === namespace ? plain : `${plain}|${namespace}`;
    if (this.#clusters.has(name)) return name;
    const policy = destinationRules.policyOf(service, port.port, subset, waypointNamespace);
    if (policy === undefined) return undefined;
    const { locality, balancing, connectTimeoutMs, http, subsetLabels, proxyProtocol, limits } = policy;
    const subsetWorkloadUids = subsetLabels === undefined ? [] : this.#workloadsOf(service, subsetLabels);
    if (subsetWorkloadUids === undefined) return undefined;
    const preference =
      locality === undefined ? undefined : localityPreference(locality, (labels) => this.#workloadsOf(service, labels));
    if (locality !== undefined && preference === undefined) return undefined;
    const upstreamTls = backendTls.at(service, port) ?? policy.tls;
    const cluster = create(ClusterSchema, {
      name,
      namespace,
      hostname,
      port: port.port,
      protocol: endpointProtocol(protocolOf(port), http),
      subset,
      subsetWorkloadUids,
      connectTimeoutMs,
      proxyProtocol,
      ...balancing,
      ...limits,
      ...(preference === undefined ? {} : { localityPreference: preference }),
      ...(upstreamTls === undefined ? {} : { upstreamTls }),
    });
    this.#clusters.set(name, cluster);
    return name;
  }

  /** Why there is no cluster: no DestinationRule has such a subset, or the subsets before it have taken all room. */
  whyNone(service: MeshService, port: ServicePort, subset: string): 'no-room' | 'no-subset' {
    const { destinationRules, waypointNamespace } = this.#parts;
    const policy = destinationRules.policyOf(service, port.port, subset, waypointNamespace);
    return policy === undefined ? 'no-subset' : 'no-room';
  }

  #workloadsOf(service: MeshService, wanted: Texts): string[] | undefined {
    if (this.#room === 0) return undefined;
    const { settings, serviceWorkloads } = this.#parts;
    const uids = serviceWorkloads.uidsOf(serviceKey(service, settings), (labels) => selects(wanted, labels));
    const fits = uids.length <= this.#room;
    this.#room = fits ? this.#room - uids.length : 0;
    return fits ? uids : undefined;
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
