import { clone, create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  AuthorizerSchema,
  type Cluster,
  ClusterSchema,
  PolicyAction,
  type ServedService,
  ServedServiceSchema,
} from '@ambit/proto/waypoint';
import { Problems } from '@ambit/traffic/model/problems';
import { readAuthorizers } from '@ambit/traffic/model/read-authorizer';
import type { ServicePort } from '../../objects.ts';
import type { MeshService } from '../mesh-service.ts';
import { tcpPorts } from '../service.ts';
import type { MeshConfig } from '../telemetry/mesh-config.ts';
import { ClusterSet, type ClusterSetParts } from './clusters.ts';
import type { AuthorizationProvider } from './authorization-provider.ts';
import type { ServiceHosts } from './hosts.ts';
import { requiredFeaturesOf } from './required-features.ts';

type AuthorizerInit = MessageInitShape<typeof AuthorizerSchema>;

/** A provider that is there, and where. */
interface Found {
  readonly provider: AuthorizationProvider;
  readonly service: MeshService;
  readonly port: ServicePort;
}

/** Whom CUSTOM policies ask, as MeshConfig has it. */
export class Authorizers {
  readonly #providers: MeshConfig['authorizers'];
  readonly #hosts: ServiceHosts;

  constructor({ authorizers }: Pick<MeshConfig, 'authorizers'>, hosts: ServiceHosts) {
    this.#providers = authorizers;
    this.#hosts = hosts;
  }

  /** Why a provider cannot be asked; undefined: it can. */
  problemOf(name: string): string | undefined {
    const found = this.#find(name);
    return typeof found === 'string' ? found : undefined;
  }

  /** The resource with whom its policies ask, and where those are. Who cannot be asked is in it too, and lets nothing through. */
  applyTo(served: ServedService, parts: Omit<ClusterSetParts, 'waypointNamespace'>): ServedService {
    const names = providersOf(served.authorizationPolicies);
    if (names.length === 0) return served;
    const clusters = new ClusterSet({ ...parts, waypointNamespace: served.waypointNamespace });
    const conflict = conflictOf(names);
    if (conflict !== undefined) return refusing(served, conflict);
    const asked = names.map((name): { init: AuthorizerInit; cluster: Cluster | undefined } => {
      const found = this.#find(name);
      const cluster = typeof found === 'string' ? undefined : clusterOf(found, clusters);
      if (typeof found === 'string' || cluster === undefined) {
        const reason = typeof found === 'string' ? found : `${name} has no cluster`;
        return { init: { name, protocol: { case: 'unavailable', value: reason } }, cluster: undefined };
      }
      const own = withoutClash(cluster, served.clusters);
      return { init: { ...found.provider.message, cluster: own.name }, cluster: own };
    });
    const result = clone(ServedServiceSchema, served);
    const known = new Set(served.clusters.map(({ name }) => name));
    const further = asked.flatMap(({ cluster }) => (cluster === undefined || known.has(cluster.name) ? [] : [cluster]));
    result.clusters = [...result.clusters, ...further].sort((a, b) => (a.name < b.name ? -1 : 1));
    result.authorizers = asked.map(({ init }) => create(AuthorizerSchema, init));
    result.requiredFeatures = requiredFeaturesOf(result);
    return result;
  }

  #find(name: string): Found | string {
    const provider = this.#providers.get(name);
    if (provider === undefined) return `MeshConfig has no provider ${name}`;
    if (typeof provider === 'string') return provider;
    const { namespace, host, port } = provider;
    const services = this.#hosts
      .matching(host)
      .filter(({ metadata }) => namespace === '' || metadata.namespace === namespace);
    const [service] = services;
    if (service === undefined) return `provider ${name}: no Service or ServiceEntry is called ${host}`;
    if (services.length > 1) return `provider ${name}: several namespaces have a ${host}; write namespace/host`;
    const found = tcpPorts(service).find((candidate) => candidate.port === port);
    if (found === undefined) return `provider ${name}: ${host} has no port ${port}`;
    const objections = objectionsTo(provider);
    return objections.length > 0 ? `provider ${name}: ${objections.join('; ')}` : { provider, service, port: found };
  }
}

/** Why policies of one target cannot ask: they name different providers (as in Istio). */
export function conflictOf(providers: readonly string[]): string | undefined {
  if (providers.length < 2) return undefined;
  return `policies of one target ask different providers (${providers.join(', ')}), and only one can be asked`;
}

/** With one authorizer for all policies, which cannot be asked. */
function refusing(served: ServedService, reason: string): ServedService {
  const name = 'conflict';
  const result = clone(ServedServiceSchema, served);
  for (const policy of result.authorizationPolicies) {
    if (policy.action === PolicyAction.CUSTOM) policy.authorizer = name;
  }
  result.authorizers = [create(AuthorizerSchema, { name, protocol: { case: 'unavailable', value: reason } })];
  result.requiredFeatures = requiredFeaturesOf(result);
  return result;
}

/** Sorted, each once. */
export function providersOf(policies: ServedService['authorizationPolicies']): string[] {
  const names = policies.flatMap(({ action, authorizer }) => (action === PolicyAction.CUSTOM ? [authorizer] : []));
  return [...new Set(names)].sort();
}

/** What waypoints would not take: they would refuse the whole resource. */
function objectionsTo({ message }: AuthorizationProvider): readonly string[] {
  const problems = new Problems();
  const cluster = 'cluster';
  readAuthorizers([create(AuthorizerSchema, { ...message, cluster })], new Set([cluster]), 'authorizers', problems);
  return problems.list;
}

function clusterOf({ service, port }: Found, clusters: ClusterSet): Cluster | undefined {
  const name = clusters.nameOf(service, port, '');
  return clusters.list().find((cluster) => cluster.name === name);
}

/** Two namespaces may call the same host differently. */
function withoutClash(cluster: Cluster, others: readonly Cluster[]): Cluster {
  const other = others.find(({ name }) => name === cluster.name);
  if (other === undefined || other.namespace === cluster.namespace) return other ?? cluster;
  return create(ClusterSchema, { ...cluster, name: `${cluster.name}|${cluster.namespace}` });
}
