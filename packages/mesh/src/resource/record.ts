import type { SpiffeId } from '@ambit/core/spiffe';
import { EMPTY_MATCH, type Policy, type PolicyMatch, type PolicyRule } from '../policy/policy.ts';
import { ANY_ENDPOINT, type Service } from '../service.ts';
import { NO_LOCALITY, type PortMapping, type Workload } from '../workload.ts';

// A record is the text in which a resource crosses threads: its model as JSON without what equals the defaults below.
// Threads read it with the engine's own parser, so that none of them has to load the protobuf runtime.

type Sparse<Model> = { -readonly [Key in keyof Model]?: Model[Key] | undefined };

/** Ports of one service as `service port, target port, service port, target port, …`. */
type FlatPorts = Record<string, number[]>;

const WORKLOAD_DEFAULTS: Omit<Workload, 'identity' | 'services' | 'uid'> = {
  name: '',
  namespace: '',
  addresses: [],
  hostname: '',
  network: '',
  protocol: 'tcp',
  node: '',
  clusterId: 'Kubernetes',
  locality: NO_LOCALITY,
  canonicalName: '',
  canonicalRevision: '',
  workloadName: '',
  workloadType: 'pod',
  nativeTunnel: false,
  healthy: true,
  hostNetwork: false,
  capacity: 1,
  waypoint: undefined,
  networkGateway: undefined,
  applicationTunnel: undefined,
  authorizationPolicies: [],
};

const SERVICE_DEFAULTS: Omit<Service, 'hostname' | 'key'> = {
  name: '',
  namespace: '',
  addresses: [],
  ports: [],
  subjectAltNames: [],
  waypoints: [],
  loadBalancing: ANY_ENDPOINT,
  ipFamilies: 'automatic',
  canonical: false,
  namespaceOnly: false,
  ingressUseWaypoint: false,
  invalid: undefined,
};

export function formatWorkload(workload: Workload): string {
  const { uid, identity, services, ...rest } = workload;
  const ports: FlatPorts = {};
  for (const [key, mappings] of services) {
    ports[key] = mappings.flatMap(({ servicePort, targetPort }) => [servicePort, targetPort]);
  }
  return JSON.stringify({ uid, identity, services: ports, ...sparse(rest, WORKLOAD_DEFAULTS) });
}

export function parseWorkload(text: string): Workload {
  const record = JSON.parse(text) as Sparse<Omit<Workload, 'identity' | 'services' | 'uid'>> & {
    uid: string;
    identity: SpiffeId;
    services: FlatPorts;
  };
  // Written out so that all workloads get one hidden class.
  const defaults = WORKLOAD_DEFAULTS;
  return {
    uid: record.uid,
    name: record.name ?? defaults.name,
    namespace: record.namespace ?? defaults.namespace,
    identity: record.identity,
    addresses: record.addresses ?? defaults.addresses,
    hostname: record.hostname ?? defaults.hostname,
    network: record.network ?? defaults.network,
    protocol: record.protocol ?? defaults.protocol,
    node: record.node ?? defaults.node,
    clusterId: record.clusterId ?? defaults.clusterId,
    locality: record.locality ?? defaults.locality,
    canonicalName: record.canonicalName ?? defaults.canonicalName,
    canonicalRevision: record.canonicalRevision ?? defaults.canonicalRevision,
    workloadName: record.workloadName ?? defaults.workloadName,
    workloadType: record.workloadType ?? defaults.workloadType,
    nativeTunnel: record.nativeTunnel ?? defaults.nativeTunnel,
    healthy: record.healthy ?? defaults.healthy,
    hostNetwork: record.hostNetwork ?? defaults.hostNetwork,
    capacity: record.capacity ?? defaults.capacity,
    waypoint: record.waypoint,
    networkGateway: record.networkGateway,
    applicationTunnel: record.applicationTunnel,
    authorizationPolicies: record.authorizationPolicies ?? defaults.authorizationPolicies,
    services: parsePorts(record.services),
  };
}

export function formatService(service: Service): string {
  const { key, hostname, ...rest } = service;
  return JSON.stringify({ key, hostname, ...sparse(rest, SERVICE_DEFAULTS) });
}

export function parseService(text: string): Service {
  const record = JSON.parse(text) as Sparse<Omit<Service, 'hostname' | 'key'>> & { key: string; hostname: string };
  const defaults = SERVICE_DEFAULTS;
  return {
    key: record.key,
    name: record.name ?? defaults.name,
    namespace: record.namespace ?? defaults.namespace,
    hostname: record.hostname,
    // JSON leaves out what is undefined; the model has the field always.
    addresses: record.addresses?.map(({ network, ip, prefixLength }) => ({ network, ip, prefixLength })) ?? [],
    ports: record.ports ?? defaults.ports,
    subjectAltNames: record.subjectAltNames ?? defaults.subjectAltNames,
    waypoints: record.waypoints ?? defaults.waypoints,
    loadBalancing: record.loadBalancing ?? defaults.loadBalancing,
    ipFamilies: record.ipFamilies ?? defaults.ipFamilies,
    canonical: record.canonical ?? defaults.canonical,
    namespaceOnly: record.namespaceOnly ?? defaults.namespaceOnly,
    ingressUseWaypoint: record.ingressUseWaypoint ?? defaults.ingressUseWaypoint,
    invalid: record.invalid,
  };
}

export function formatPolicy(policy: Policy): string {
  const rules = policy.rules.map(({ clauses }) => ({
    clauses: clauses.map(({ matches }) => ({ matches: matches.map((match) => sparse(match, EMPTY_MATCH)) })),
  }));
  return JSON.stringify({ ...policy, rules });
}

export function parsePolicy(text: string): Policy {
  const record = JSON.parse(text) as Omit<Policy, 'invalid' | 'rules'> & {
    invalid?: string;
    rules: { clauses: { matches: Sparse<PolicyMatch>[] }[] }[];
  };
  const rules: PolicyRule[] = record.rules.map(({ clauses }) => ({
    clauses: clauses.map(({ matches }) => ({
      matches: matches.map((match) => ({ ...EMPTY_MATCH, ...(match as Partial<PolicyMatch>) })),
    })),
  }));
  return { ...record, invalid: record.invalid, rules };
}

/** The entries of `model` that differ from `defaults`, which must have the same keys. */
function sparse<Model extends object>(model: Model, defaults: Model): Partial<Model> {
  const differing: Partial<Model> = {};
  for (const key of Object.keys(model) as (keyof Model)[]) {
    const value = model[key];
    if (value === defaults[key] || (Array.isArray(value) && value.length === 0)) continue;
    differing[key] = value;
  }
  return differing;
}

function parsePorts(flat: FlatPorts): ReadonlyMap<string, readonly PortMapping[]> {
  const services = new Map<string, readonly PortMapping[]>();
  for (const key of Object.keys(flat)) {
    const numbers = flat[key] ?? [];
    const mappings: PortMapping[] = [];
    for (let index = 0; index + 1 < numbers.length; index += 2) {
      mappings.push({ servicePort: numbers[index] ?? 0, targetPort: numbers[index + 1] ?? 0 });
    }
    services.set(key, mappings);
  }
  return services;
}
