import { create } from '@bufbuild/protobuf';
import { parseIp } from '@ambit/core/address';
import type { Authorization } from '@ambit/proto/authorization';
import type { ServedService } from '@ambit/proto/waypoint';
import { type Address, AddressSchema, type Service as WireService, type Workload } from '@ambit/proto/workload';
import { valueOf } from '../labels.ts';
import { type Endpoint, type EndpointSlice, objectName, type Pod, type Service } from '../objects.ts';
import { convertAuthorizationPolicy } from './authorization-policy.ts';
import type { Condition } from './condition.ts';
import { Membership, type ServicePorts } from './membership.ts';
import type { MeshModel } from './mesh-model.ts';
import { MutualTls } from './peer-authentication.ts';
import { requestAuthenticationCondition } from './request-authentication.ts';
import { SelectingPolicies } from './selecting-policies.ts';
import { convertService, isPublished, serviceKey } from './service.ts';
import { ServicePods } from './service-pods.ts';
import { ReadyServices } from './serving.ts';
import type { TranslationSettings } from './settings.ts';
import { sortedByName } from './sorted-by-name.ts';
import { type PodBinding, Waypoints } from './waypoint/binding.ts';
import { type Waypoint, type WaypointFacts, WaypointGateways } from './waypoint/gateways.ts';
import { JudgedTargets } from './waypoint/judged.ts';
import { ServedWorkloads } from './waypoint/served-workload.ts';
import { convertEndpoint, convertPod, isPublishedPod, NETWORK_LABEL } from './workload.ts';

/** A Service and a waypoint that serves it. `judged`: policies wait there. */
export interface Bound {
  readonly service: Service;
  readonly waypoint: Waypoint;
  readonly judged: boolean;
}

/** What a model means for node proxies, and what is known then of waypoints. Maps are in order of names. */
export interface MeshTranslation {
  readonly addresses: ReadonlyMap<string, Address>;
  readonly authorizations: ReadonlyMap<string, Authorization>;
  readonly waypoints: ReadonlyMap<string, WaypointFacts>;
  readonly conditions: readonly Condition[];
  /** Those of canaries last. */
  readonly bound: readonly Bound[];
  /** What waypoints have to know of the Pods that are bound to them, by name of the resource: no route changes it. */
  readonly servedWorkloads: ReadonlyMap<string, ServedService>;
  readonly publishedPods: readonly Pod[];
  readonly servicePods: ServicePods;
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
  const policies = [...model.authorizationPolicies.values()].map((policy) =>
    convertAuthorizationPolicy(policy, settings),
  );
  const selecting = new SelectingPolicies(
    [...model.authorizationPolicies.values()].filter((_, index) => policies[index]?.authorization !== undefined),
    settings,
  );
  const membership = new Membership(model, settings);
  const gateways = new WaypointGateways(model, settings);
  const judged = new JudgedTargets(model, settings);
  const waypoints = new Waypoints({ model, settings, gateways, judged, onceReady });
  const servicePods = new ServicePods(settings);
  const bound: Bound[] = [];
  const canaries: Bound[] = [];
  const conditions: Condition[] = [];
  const addresses = new Map<string, Address>();

  for (const service of model.services.values()) {
    if (!isPublished(service)) continue;
    const binding = waypoints.ofService(service);
    if (binding !== undefined) conditions.push(binding.condition);
    const namespace = model.namespaces.get(service.metadata.namespace);
    const [waypoint, canary] = [binding?.address, binding?.canary];
    const converted = convertService(service, { settings, network, namespace, waypoint, canary });
    addresses.set(serviceKey(service, settings), addressOfService(converted));
    if (binding?.waypoint !== undefined) bound.push({ service, waypoint: binding.waypoint, judged: binding.judged });
    if (canary !== undefined) canaries.push({ service, waypoint: canary.waypoint, judged: canary.judged });
  }

  const ready = new ReadyServices();
  const published: { pod: Pod; services: ServicePorts; keys: string[]; binding: PodBinding | undefined }[] = [];
  for (const pod of model.pods.values()) {
    const binding = waypoints.ofPod(pod);
    if (binding?.condition !== undefined) conditions.push(binding.condition);
    if (!isPublishedPod(pod)) continue;
    const services = membership.ofPod(pod);
    const keys = Object.keys(services);
    ready.addPod(pod, keys);
    published.push({ pod, services, keys, binding });
  }
  const bare = [...model.endpointSlices.values()].flatMap((slice) => bareEndpoints(slice, membership));
  for (const { endpoint, services } of bare) ready.addEndpoint(endpoint, Object.keys(services));

  const workloads = new ServedWorkloads(model, settings);
  const servedWorkloads = new Map<string, ServedService>();
  for (const { pod, services, keys, binding } of published) {
    servicePods.add(pod, keys);
    if (binding?.waypoint !== undefined) {
      const resource = workloads.convert(binding.waypoint, pod, services, binding.judged);
      servedWorkloads.set(workloads.nameOf(binding.waypoint, pod), resource);
    }
    const workload = convertPod(pod, {
      settings,
      network,
      node: model.nodes.get(pod.spec.nodeName ?? ''),
      services,
      policies: [...selecting.namesFor(pod), ...mutualTls.policiesOf(pod)],
      waypoint: binding?.address,
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
    ...policies.flatMap(({ authorization }) => authorization ?? []),
    ...mutualTls.authorizations(),
  ];
  return {
    addresses: sortedByName(addresses),
    authorizations: sortedByName(
      new Map(authorizations.map((authorization) => [objectName(authorization), authorization])),
    ),
    waypoints: gateways.facts(),
    conditions: [
      ...gateways.conditions(),
      ...policies.map(({ condition }) => condition),
      ...mutualTls.conditions(),
      ...Array.from(model.requestAuthentications.values(), requestAuthenticationCondition),
      ...waypoints.conditions(),
      ...conditions,
      ...membership.conditions(),
    ],
    bound: [...bound, ...canaries],
    servedWorkloads,
    publishedPods: published.map(({ pod }) => pod),
    servicePods,
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
