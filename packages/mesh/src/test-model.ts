import type { SpiffeId } from '@ambit/core/spiffe';
import { type Client, createClient } from './client.ts';
import type { Choice } from './endpoint/endpoint-set.ts';
import { Quarantine } from './endpoint/quarantine.ts';
import { MeshStore, type MeshStoreOptions } from './mesh-store.ts';
import { EMPTY_MATCH, type Policy, type PolicyMatch } from './policy/policy.ts';
import { type BatchEntry, writeBatch } from './resource/batch.ts';
import { policyEntry, serviceEntry, workloadEntry } from './resource/encode.ts';
import { ANY_ENDPOINT, type Service, type ServicePort } from './service.ts';
import { NO_LOCALITY, type Workload } from './workload.ts';

// Short ways to write a mesh down in tests.

export function workload(name: string, fields: Partial<Workload> = {}): Workload {
  const namespace = fields.namespace ?? 'shop';
  return {
    uid: `cluster//Pod/${namespace}/${name}`,
    name,
    namespace,
    identity: { trustDomain: 'cluster.local', namespace, serviceAccount: name.replace(/-[0-9]+$/, '') },
    addresses: [],
    hostname: '',
    network: '',
    protocol: 'hbone',
    node: 'a',
    clusterId: 'Kubernetes',
    locality: NO_LOCALITY,
    canonicalName: name,
    canonicalRevision: 'latest',
    workloadName: name,
    workloadType: 'pod',
    nativeTunnel: false,
    healthy: true,
    hostNetwork: false,
    capacity: 1,
    waypoint: undefined,
    networkGateway: undefined,
    applicationTunnel: undefined,
    authorizationPolicies: [],
    services: new Map(),
    invalid: undefined,
    ...fields,
  };
}

/** A service `name.namespace.svc.cluster.local` with one address per text of `vips`, `ip` or `ip/length`. */
export function service(name: string, vips: readonly string[], fields: Partial<Service> = {}): Service {
  const namespace = fields.namespace ?? 'shop';
  const hostname = fields.hostname ?? `${name}.${namespace}.svc.cluster.local`;
  return {
    key: `${namespace}/${hostname}`,
    name,
    namespace,
    hostname,
    addresses: vips.map((text) => {
      const [ip = '', length] = text.split('/');
      return { network: '', ip, prefixLength: length === undefined ? undefined : Number(length) };
    }),
    ports: [port(80, 8080)],
    subjectAltNames: [],
    waypoints: [],
    loadBalancing: ANY_ENDPOINT,
    ipFamilies: 'automatic',
    canonical: false,
    namespaceOnly: false,
    ingressUseWaypoint: false,
    invalid: undefined,
    ...fields,
  };
}

export function port(servicePort: number, targetPort: number): ServicePort {
  return { servicePort, targetPort, appProtocol: 'unknown' };
}

/** For `Workload.services`: the endpoint leaves the port to the service. */
export function endpointOf(...services: readonly Service[]): Workload['services'] {
  return new Map(services.map(({ key }) => [key, []]));
}

export function match(fields: Partial<PolicyMatch>): PolicyMatch {
  return { ...EMPTY_MATCH, ...fields };
}

/** An ALLOW policy of the namespace with one rule of one clause of one match, unless told otherwise. */
export function policy(name: string, only: Partial<PolicyMatch>, fields: Partial<Policy> = {}): Policy {
  const namespace = fields.namespace ?? 'shop';
  return {
    key: `${namespace}/${name}`,
    name,
    namespace,
    scope: 'namespace',
    action: 'allow',
    dryRun: false,
    rules: [{ clauses: [{ matches: [match(only)] }] }],
    invalid: undefined,
    ...fields,
  };
}

export interface TestMesh {
  readonly policies?: readonly Policy[];
  readonly services?: readonly Service[];
  readonly workloads?: readonly Workload[];
}

export function entriesOf({ policies = [], services = [], workloads = [] }: TestMesh): BatchEntry[] {
  return [
    ...policies.map((one) => policyEntry(one)),
    ...services.map((one) => serviceEntry(one)),
    ...workloads.map((one) => workloadEntry(one)),
  ];
}

export function storeOf(mesh: TestMesh, options: MeshStoreOptions = {}): MeshStore {
  const store = new MeshStore(options);
  store.apply(writeBatch(1, false, entriesOf(mesh)));
  return store;
}

/** Changes a store as a later batch would. */
export function change(store: MeshStore, mesh: TestMesh, removals: readonly BatchEntry[] = []): void {
  store.apply(writeBatch(store.generation + 1, false, [...entriesOf(mesh), ...removals]));
}

export function removal(kind: 'remove-address' | 'remove-authorization', name: string): BatchEntry {
  return { kind, fallback: false, version: '', keys: name, record: '' };
}

export function clientFor(store: MeshStore, own: Workload): Client {
  return createClient(own.identity, own.addresses, own, { network: store.network, cluster: 'Kubernetes', node: 'a' });
}

export function spiffe(namespace: string, serviceAccount: string, trustDomain = 'cluster.local'): SpiffeId {
  return { trustDomain, namespace, serviceAccount };
}

/** A choice whose random numbers come one after another from `numbers`, again and again. */
export function choiceOf(numbers: readonly number[] = [0], now: () => number = () => 0): Choice {
  let next = 0;
  return { random: () => numbers[next++ % numbers.length] ?? 0, now, quarantine: new Quarantine() };
}

/** Uniform numbers in [0, 1) that are the same in every run. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}
