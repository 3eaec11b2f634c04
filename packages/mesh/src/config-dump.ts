import type { EndpointSet } from './endpoint/endpoint-set.ts';
import type { MeshStore } from './mesh-store.ts';
import type { Policy, PolicyMatch, StringMatch } from './policy/policy.ts';
import type { Service } from './service.ts';
import type { GatewayAddress, Workload } from './workload.ts';

type Json = boolean | number | string | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/** The part of `/config_dump` that describes the mesh, in the shape that `istioctl ztunnel-config` reads. */
export interface MeshDump {
  readonly workloads: readonly Json[];
  readonly services: readonly Json[];
  readonly policies: readonly Json[];
  readonly stagedServices: Json;
}

/** All that a store knows, with what is empty left out. Decodes everything: not for a data thread. */
export function dumpMesh(store: MeshStore): MeshDump {
  return {
    workloads: Array.from(store.workloads.all(), ({ model }) => dumpWorkload(model)),
    services: Array.from(store.services.all(), ({ model }) => dumpService(model, store.endpoints(model.key))),
    policies: Array.from(store.policies.all(), ({ model }) => dumpPolicy(model)),
    stagedServices: Object.fromEntries(Array.from(store.stagedEndpoints(), ([key, set]) => [key, dumpEndpoints(set)])),
  };
}

export function dumpWorkload(workload: Workload): Json {
  const { region, zone, subzone } = workload.locality;
  const tunnel = workload.applicationTunnel;
  return filled({
    uid: workload.uid,
    name: workload.name,
    namespace: workload.namespace,
    serviceAccount: workload.identity.serviceAccount,
    trustDomain: workload.identity.trustDomain,
    workloadIps: workload.addresses,
    hostname: workload.hostname,
    network: workload.network,
    protocol: workload.protocol.toUpperCase(),
    node: workload.node,
    clusterId: workload.clusterId,
    canonicalName: workload.canonicalName,
    canonicalRevision: workload.canonicalRevision,
    workloadName: workload.workloadName,
    workloadType: workload.workloadType,
    nativeTunnel: workload.nativeTunnel || undefined,
    status: status(workload),
    networkMode: workload.hostNetwork ? 'HostNetwork' : 'Standard',
    capacity: workload.capacity,
    locality: filled({ region, zone, subzone }),
    waypoint: dumpGateway(workload.waypoint),
    networkGateway: dumpGateway(workload.networkGateway),
    applicationTunnel: tunnel && { protocol: tunnel.protocol.toUpperCase(), port: tunnel.port || undefined },
    authorizationPolicies: workload.authorizationPolicies,
    invalid: workload.invalid,
    unresolved: workload.resolution?.failure,
  });
}

export function dumpService(service: Service, endpoints: EndpointSet | undefined): Json {
  const { mode, preferences, allowUnhealthy } = service.loadBalancing;
  const [first, ...more] = service.waypoints;
  const plain = mode === 'standard' && preferences.length === 0 && !allowUnhealthy;
  const ports = service.ports.map(({ servicePort, targetPort }) => [String(servicePort), targetPort] as const);
  return {
    ...filled({
      name: service.name,
      namespace: service.namespace,
      hostname: service.hostname,
      ipFamilies: FAMILIES[service.ipFamilies],
      waypoint: more.length === 0 ? dumpGateway(first?.address) : undefined,
      weightedWaypoints:
        more.length === 0
          ? undefined
          : service.waypoints.map(({ address, weight }) => ({ destination: dumpGateway(address), weight })),
      invalid: service.invalid,
    }),
    vips: service.addresses.map(({ network, ip, prefixLength }) =>
      prefixLength === undefined ? `${network}/${ip}` : `${network}/${ip}/${prefixLength}`,
    ),
    ports: Object.fromEntries(ports),
    endpoints: endpoints === undefined ? {} : dumpEndpoints(endpoints),
    subjectAltNames: service.subjectAltNames,
    canonical: service.canonical,
    visibility: service.namespaceOnly ? 'Namespace' : 'Public',
    loadBalancer: plain
      ? undefined
      : {
          routingPreferences: preferences.map(capital),
          mode: capital(mode),
          healthPolicy: allowUnhealthy ? 'AllowAll' : 'OnlyHealthy',
        },
  };
}

export function dumpPolicy(policy: Policy): Json {
  return {
    name: policy.name,
    namespace: policy.namespace,
    scope: SCOPES[policy.scope],
    action: capital(policy.action),
    dryRun: policy.dryRun,
    rules: policy.rules.map(({ clauses }) => clauses.map(({ matches }) => matches.map(dumpMatch))),
    invalid: policy.invalid,
  };
}

const SCOPES = { global: 'Global', namespace: 'Namespace', workload: 'WorkloadSelector' } as const;
const FAMILIES = { automatic: undefined, dual: 'Dual', ipv4: 'IPv4', ipv6: 'IPv6' } as const;

function dumpMatch({ constant, ...match }: PolicyMatch): Json {
  const strings = (matches: readonly StringMatch[]) =>
    matches.map((one) => (one.kind === 'presence' ? { Presence: [] } : { [capital(one.kind)]: one.value }));
  const accounts = (matches: PolicyMatch['serviceAccounts']) =>
    matches.map(({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`);
  return filled({
    ...match,
    namespaces: strings(match.namespaces),
    notNamespaces: strings(match.notNamespaces),
    principals: strings(match.principals),
    notPrincipals: strings(match.notPrincipals),
    serviceAccounts: accounts(match.serviceAccounts),
    notServiceAccounts: accounts(match.notServiceAccounts),
    unreadable: constant === undefined ? undefined : `holds ${constant}`,
  });
}

function dumpEndpoints(set: EndpointSet): Json {
  const endpoints = Array.from(set.members(), ({ model }) => {
    const ports = model.services.get(set.serviceKey) ?? [];
    const port = Object.fromEntries(ports.map(({ servicePort, targetPort }) => [String(servicePort), targetPort]));
    return [model.uid, { workloadUid: model.uid, port, status: status(model) }] as const;
  });
  return Object.fromEntries(endpoints);
}

function dumpGateway(gateway: GatewayAddress | undefined): Json | undefined {
  if (gateway === undefined) return undefined;
  const { destination, hbonePort } = gateway;
  const name =
    destination.kind === 'address'
      ? `${destination.network}/${destination.ip}`
      : `${destination.namespace}/${destination.hostname}`;
  return { destination: name, hboneMtlsPort: hbonePort };
}

function status({ healthy }: Workload): string {
  return healthy ? 'Healthy' : 'Unhealthy';
}

function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** Without texts, lists and objects that are empty. */
function filled(fields: Readonly<Record<string, Json | undefined>>): { [key: string]: Json | undefined } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: Json | undefined): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value === 'string') return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
