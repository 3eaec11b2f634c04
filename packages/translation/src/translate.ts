import { create } from '@bufbuild/protobuf';
import { parseIp } from '@ambit/core/address';
import type { Authorization } from '@ambit/proto/authorization';
import type { ServedService } from '@ambit/proto/waypoint';
import { type Address, AddressSchema, type Service as WireService, type Workload } from '@ambit/proto/workload';
import { selects, valueOf } from './labels.ts';
import type { Model } from './model.ts';
import {
  type AuthorizationPolicy,
  type Endpoint,
  type EndpointSlice,
  objectName,
  type Pod,
  type Service,
} from './objects.ts';
import { convertAuthorizationPolicy } from './translate/authorization-policy.ts';
import type { Condition } from './translate/condition.ts';
import { Membership, type ServicePorts } from './translate/membership.ts';
import { MutualTls } from './translate/peer-authentication.ts';
import { requestAuthenticationCondition } from './translate/request-authentication.ts';
import { convertService, isPublished, serviceKey } from './translate/service.ts';
import { ServicePods } from './translate/service-pods.ts';
import { ReadyServices } from './translate/serving.ts';
import type { TranslationSettings } from './translate/settings.ts';
import { type WaypointBinding, Waypoints } from './translate/waypoint/binding.ts';
import { type Waypoint, type WaypointFacts, WaypointGateways } from './translate/waypoint/gateways.ts';
import { JudgedTargets } from './translate/waypoint/judged.ts';
import { DestinationRules } from './translate/waypoint/destination-rules.ts';
import { GatewayRoutes } from './translate/waypoint/gateway-routes.ts';
import { ServiceHosts } from './translate/waypoint/hosts.ts';
import { ServedServices } from './translate/waypoint/served-service.ts';
import { SourceWorkloads } from './translate/waypoint/source-workloads.ts';
import { VirtualPermissions } from './translate/waypoint/virtual-permissions.ts';
import { VirtualServices } from './translate/waypoint/virtual-services.ts';
import { convertEndpoint, convertPod, isPublishedPod, NETWORK_LABEL } from './translate/workload.ts';

/** What was true before and a model does not tell. */
export interface Memory {
  /** `namespace/name` of the waypoints' Gateways that were ready at some time and still exist. */
  readonly waypointsOnceReady: ReadonlySet<string>;
}

const NOTHING: Memory = { waypointsOnceReady: new Set() };

/** What a model means for proxies. Maps are in order of names. */
export interface Translation {
  /** Workloads by uid, Services by `namespace/hostname`. */
  readonly addresses: ReadonlyMap<string, Address>;
  /** By `namespace/name`. */
  readonly authorizations: ReadonlyMap<string, Authorization>;
  /** By `<waypoint namespace>/<waypoint name>/<service namespace>/<hostname>`: for the waypoint of that name alone. */
  readonly servedServices: ReadonlyMap<string, ServedService>;
  /** The Gateways that are waypoints, refused ones too, by `namespace/name`. */
  readonly waypoints: ReadonlyMap<string, WaypointFacts>;
  readonly conditions: readonly Condition[];
}

/** Translates a whole model. Pure: the same arguments give the same result. */
export function translate(model: Model, settings: TranslationSettings, memory: Memory = NOTHING): Translation {
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
  const waypoints = new Waypoints({ model, settings, gateways, judged, onceReady: memory.waypointsOnceReady });
  const servicePods = new ServicePods(settings);
  const bound: { service: Service; waypoint: Waypoint; judged: boolean }[] = [];
  const canaries: typeof bound = [];
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
  const published: { pod: Pod; services: ServicePorts; keys: string[]; binding: WaypointBinding | undefined }[] = [];
  for (const pod of model.pods.values()) {
    const binding = waypoints.ofPod(pod);
    if (binding !== undefined) conditions.push(binding.condition);
    if (!isPublishedPod(pod)) continue;
    const services = membership.ofPod(pod);
    const keys = Object.keys(services);
    ready.addPod(pod, keys);
    published.push({ pod, services, keys, binding });
  }
  const bare = [...model.endpointSlices.values()].flatMap((slice) => bareEndpoints(slice, membership));
  for (const { endpoint, services } of bare) ready.addEndpoint(endpoint, Object.keys(services));

  for (const { pod, services, keys, binding } of published) {
    servicePods.add(pod, keys);
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

  const hosts = new ServiceHosts(model, settings);
  const bindings = Map.groupBy([...bound, ...canaries], ({ service }) => service);
  const isReachedAnyway = (parent: Service, backend: Service): boolean =>
    (bindings.get(parent) ?? []).every(({ waypoint }) =>
      (bindings.get(backend) ?? []).some((other) => other.waypoint === waypoint && !other.judged),
    );
  const gatewayRoutes = new GatewayRoutes({ model, hasWaypoint: (service) => bindings.has(service), isReachedAnyway });
  const sources = new SourceWorkloads(
    published.map(({ pod }) => pod),
    settings,
  );
  const virtualServices = new VirtualServices(model, hosts, sources, new VirtualPermissions(model, isReachedAnyway));
  const destinationRules = new DestinationRules(model, settings, hosts);
  const served = new ServedServices({ settings, gatewayRoutes, virtualServices, destinationRules, servicePods });
  const servedServices = new Map(
    [...bound, ...canaries].map(({ service, waypoint, judged: isJudged }): [string, ServedService] => [
      served.nameOf(waypoint, service),
      served.convert(waypoint, service, isJudged),
    ]),
  );

  const authorizations = [
    ...policies.flatMap(({ authorization }) => authorization ?? []),
    ...mutualTls.authorizations(),
  ];
  return {
    addresses: sorted(addresses),
    authorizations: sorted(new Map(authorizations.map((authorization) => [objectName(authorization), authorization]))),
    servedServices: sorted(servedServices),
    waypoints: gateways.facts(),
    conditions: [
      ...gateways.conditions(),
      ...policies.map(({ condition }) => condition),
      ...mutualTls.conditions(),
      ...Array.from(model.requestAuthentications.values(), requestAuthenticationCondition),
      ...waypoints.conditions(),
      ...conditions,
      ...membership.conditions(),
      ...gatewayRoutes.conditions(),
      ...virtualServices.conditions(),
      ...destinationRules.conditions(),
    ],
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

/** Policies with a selector, by the namespace whose pods they select; those of the root namespace select everywhere. */
class SelectingPolicies {
  readonly #byNamespace = new Map<string, AuthorizationPolicy[]>();
  readonly #rootNamespace: string;

  constructor(policies: readonly AuthorizationPolicy[], settings: TranslationSettings) {
    this.#rootNamespace = settings.rootNamespace;
    for (const policy of policies) {
      if (policy.spec.selector === undefined) continue;
      const { namespace } = policy.metadata;
      this.#byNamespace.set(namespace, [...(this.#byNamespace.get(namespace) ?? []), policy]);
    }
  }

  namesFor({ metadata }: Pod): string[] {
    return [...new Set([metadata.namespace, this.#rootNamespace])]
      .flatMap((namespace) => this.#byNamespace.get(namespace) ?? [])
      .filter(({ spec }) => selects(spec.selector?.matchLabels ?? {}, metadata.labels))
      .map((policy) => objectName(policy.metadata))
      .sort();
  }
}

function addressOfService(value: WireService): Address {
  return create(AddressSchema, { type: { case: 'service', value } });
}

function addressOfWorkload(value: Workload): Address {
  return create(AddressSchema, { type: { case: 'workload', value } });
}

function sorted<T>(map: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
}
