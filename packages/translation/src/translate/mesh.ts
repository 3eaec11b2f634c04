import { create } from '@bufbuild/protobuf';
import { parseIp } from '@ambit/core/address';
import type { Authorization } from '@ambit/proto/authorization';
import type { ServedService } from '@ambit/proto/waypoint';
import { type Address, AddressSchema, type Service as WireService, type Workload } from '@ambit/proto/workload';
import { valueOf } from '../labels.ts';
import { type Endpoint, type EndpointSlice, objectName, type Pod } from '../objects.ts';
import { convertAuthorizationPolicy, targetsOf } from './authorization-policy.ts';
import type { Condition } from './condition.ts';
import { EntryHosts } from './entries/entry-hosts.ts';
import { convertEntryHost } from './entries/entry-service.ts';
import { EntryWorkloads } from './entries/entry-workloads.ts';
import { Membership, type ServicePorts } from './membership.ts';
import type { MeshModel } from './mesh-model.ts';
import { describeService, type MeshService } from './mesh-service.ts';
import { MutualTls } from './peer-authentication.ts';
import { SelectingPolicies } from './selecting-policies.ts';
import { convertService, isPublished, serviceKey } from './service.ts';
import { ServiceWorkloads } from './service-workloads.ts';
import { ReadyServices } from './serving.ts';
import type { TranslationSettings } from './settings.ts';
import { sortedByName } from './sorted-by-name.ts';
import { readMeshConfig } from './telemetry/mesh-config.ts';
import { Authorizers } from './waypoint/authorizers.ts';
import { type WaypointBinding, type WorkloadBinding, Waypoints } from './waypoint/binding.ts';
import { type Waypoint, type WaypointFacts, WaypointGateways } from './waypoint/gateways.ts';
import { ServiceHosts } from './waypoint/hosts.ts';
import { PolicyTargets } from './waypoint/policy-targets.ts';
import type { ClientWorkload } from './waypoint/source-workloads.ts';
import { type BoundWorkload, ServedWorkloads } from './waypoint/served-workload.ts';
import { type Judgement, WaypointPolicies } from './waypoint/waypoint-policies.ts';
import { convertEndpoint, convertPod, isPublishedPod, NETWORK_LABEL, podUid } from './workload.ts';

/** A Service or host, a waypoint that serves it, and what policies there say. */
export interface Bound {
  readonly service: MeshService;
  readonly waypoint: Waypoint;
  readonly judgement: Judgement;
}

/** What a model means for node proxies, and what is known then of waypoints. Maps are in order of names. */
export interface MeshTranslation {
  readonly addresses: ReadonlyMap<string, Address>;
  readonly authorizations: ReadonlyMap<string, Authorization>;
  readonly waypoints: ReadonlyMap<string, WaypointFacts>;
  readonly conditions: readonly Condition[];
  /** Those of canaries last. */
  readonly bound: readonly Bound[];
  /** The hosts of ServiceEntries. */
  readonly entryHosts: EntryHosts;
  /** What waypoints have to know of the workloads that are bound to them, by name of the resource: no route changes it. */
  readonly servedWorkloads: ReadonlyMap<string, ServedService>;
  /** The published workloads, as clients. */
  readonly clients: readonly ClientWorkload[];
  readonly serviceWorkloads: ServiceWorkloads;
  readonly hosts: ServiceHosts;
  /** Whom CUSTOM policies ask. */
  readonly authorizers: Authorizers;
}

/** `onceReady`: `namespace/name` of the waypoints' Gateways that were ready at some time. */
export function translateMesh(
  model: MeshModel,
  settings: TranslationSettings,
  onceReady: ReadonlySet<string>,
): MeshTranslation {
  const rootNamespace = model.namespaces.get(settings.rootNamespace);
  const network = valueOf(rootNamespace?.metadata.labels, NETWORK_LABEL) ?? settings.network;
  const mutualTls = new MutualTls(model.peerAuthentications.values(), settings);
  const policies = new Map(
    [...model.authorizationPolicies.values()]
      .filter((policy) => targetsOf(policy).length === 0)
      .map((policy) => [policy, convertAuthorizationPolicy(policy, settings)]),
  );
  const selecting = new SelectingPolicies(
    [...policies].flatMap(([policy, { authorization }]) => (authorization === undefined ? [] : [policy])),
    settings,
  );
  const waypointPolicies = new WaypointPolicies(model, settings);
  const entryHosts = new EntryHosts(model, settings, (entry) => waypointPolicies.of(entry, '', []).enforced);
  const membership = new Membership(model, settings, entryHosts.all());
  const gateways = new WaypointGateways(model, settings);
  const waypoints = new Waypoints({ model, settings, gateways, policies: waypointPolicies, onceReady });
  const serviceWorkloads = new ServiceWorkloads();
  const bound: Bound[] = [];
  const canaries: Bound[] = [];
  const bindings = new Map<string, WaypointBinding>();
  const conditions: Condition[] = [];
  const addresses = new Map<string, Address>();

  const services = [...[...model.services.values()].filter((service) => isPublished(service)), ...entryHosts.all()];
  const told = new Set<object>();
  for (const service of services) {
    const isClosed = service.kind === 'ServiceEntry' && service.closed;
    const binding = isClosed ? undefined : waypoints.ofService(service);
    if (binding !== undefined) bindings.set(describeService(service), binding);
    // The hosts of a ServiceEntry have one fate.
    if (binding !== undefined && !told.has(service.metadata)) conditions.push(binding.condition);
    told.add(service.metadata);
    const namespace = model.namespaces.get(service.metadata.namespace);
    const [waypoint, canary] = [binding?.address, binding?.canary];
    const context = { settings, network, namespace, waypoint, canary };
    const converted =
      service.kind === 'Service' ? convertService(service, context) : convertEntryHost(service, context);
    addresses.set(serviceKey(service, settings), addressOfService(converted));
    if (binding?.waypoint !== undefined)
      bound.push({ service, waypoint: binding.waypoint, judgement: binding.judgement });
    if (canary?.waypoint !== undefined)
      canaries.push({ service, waypoint: canary.waypoint, judgement: canary.judgement });
  }

  const ready = new ReadyServices();
  const published: { pod: Pod; services: ServicePorts; keys: string[]; binding: WorkloadBinding | undefined }[] = [];
  for (const pod of model.pods.values()) {
    const binding = waypoints.ofWorkload(pod);
    if (binding?.condition !== undefined) conditions.push(binding.condition);
    if (!isPublishedPod(pod)) continue;
    const services = membership.ofPod(pod);
    const keys = Object.keys(services);
    ready.addPod(pod, keys);
    published.push({ pod, services, keys, binding });
  }
  const bare = [...model.endpointSlices.values()].flatMap((slice) => bareEndpoints(slice, membership));
  for (const { endpoint, services } of bare) ready.addEndpoint(endpoint, Object.keys(services));

  const machines = new EntryWorkloads({
    ...{ model, settings, network, membership, entryHosts },
    bindingOf: (entry) => waypoints.ofWorkload(entry),
    policiesOf: (metadata) => [...selecting.namesFor(metadata), ...mutualTls.policiesOf(metadata)],
  });
  for (const { keys } of machines.list) ready.addMachine(keys);

  const workloads = new ServedWorkloads(services, settings);
  const servedWorkloads = new Map<string, ServedService>();
  const serve = (workload: BoundWorkload, ports: ServicePorts, binding: WorkloadBinding | undefined): void => {
    if (binding?.waypoint === undefined) return;
    const resource = workloads.convert(binding.waypoint, workload, ports, binding.judgement);
    servedWorkloads.set(workloads.nameOf(binding.waypoint, workload), resource);
  };
  for (const { workload, labels, keys, services: ports, binding } of machines.list) {
    serviceWorkloads.add({ uid: workload.uid, labels }, keys);
    serve(workload, ports, binding);
    addresses.set(workload.uid, addressOfWorkload(workload));
  }
  for (const { pod, services, keys, binding } of published) {
    const uid = podUid(pod, settings);
    serviceWorkloads.add({ uid, labels: pod.metadata.labels }, keys);
    serve({ uid, namespace: pod.metadata.namespace }, services, binding);
    const workload = convertPod(pod, {
      settings,
      network,
      node: model.nodes.get(pod.spec.nodeName ?? ''),
      services,
      policies: [...selecting.namesFor(pod.metadata), ...mutualTls.policiesOf(pod.metadata)],
      waypoint: binding?.address,
      inboundBinding: gateways.sandwichOf(pod),
      healthy: ready.usesPod(pod, keys),
    });
    addresses.set(workload.uid, addressOfWorkload(workload));
  }

  for (const { slice, endpoint, services } of bare) {
    const healthy = ready.usesEndpoint(endpoint, Object.keys(services));
    for (const text of endpoint.addresses) {
      const address = parseIp(text);
      if (address === undefined) continue;
      const workload = convertEndpoint(slice, address, { settings, network, services, healthy });
      addresses.set(workload.uid, addressOfWorkload(workload));
    }
  }

  const authorizations = [
    ...[...policies.values()].flatMap(({ authorization }) => authorization ?? []),
    ...mutualTls.authorizations(),
  ];
  const hosts = new ServiceHosts(model, settings, entryHosts);
  const authorizers = new Authorizers(readMeshConfig(model, settings), hosts);
  const targets = new PolicyTargets({ model, settings, gateways, bindings, policies: waypointPolicies, authorizers });
  return {
    addresses: sortedByName(addresses),
    authorizations: sortedByName(
      new Map(authorizations.map((authorization) => [objectName(authorization), authorization])),
    ),
    waypoints: gateways.facts(),
    conditions: [
      ...gateways.conditions(),
      ...[...model.authorizationPolicies.values()].flatMap(
        (policy) => policies.get(policy)?.condition ?? targets.conditionsOf(policy),
      ),
      ...mutualTls.conditions(),
      ...[...model.requestAuthentications.values()].flatMap((policy) => targets.conditionsOfTokens(policy)),
      ...waypoints.conditions(),
      ...conditions,
      ...entryHosts.conditions(),
      ...machines.conditions,
      ...membership.conditions(),
    ],
    bound: [...bound, ...canaries],
    servedWorkloads,
    clients: [
      ...published.map(({ pod }) => {
        const { namespace, labels } = pod.metadata;
        return { uid: podUid(pod, settings), namespace, labels };
      }),
      ...machines.list.map(({ workload: { uid, namespace }, labels }) => ({ uid, namespace, labels })),
    ],
    ...{ serviceWorkloads, entryHosts, hosts, authorizers },
  };
}

/** The endpoints of a slice that no pod stands behind. */
function bareEndpoints(
  slice: EndpointSlice,
  membership: Membership,
): { slice: EndpointSlice; endpoint: Endpoint; services: ServicePorts }[] {
  const service = membership.serviceOf(slice);
  if (service === undefined || slice.addressType === 'FQDN') return [];
  const services = membership.ofSlice(slice, service);
  return slice.endpoints
    .filter(({ targetRef }) => targetRef?.kind !== 'Pod')
    .map((endpoint) => ({ slice, endpoint, services }));
}

function addressOfService(value: WireService): Address {
  return create(AddressSchema, { type: { case: 'service', value } });
}

function addressOfWorkload(value: Workload): Address {
  return create(AddressSchema, { type: { case: 'workload', value } });
}
