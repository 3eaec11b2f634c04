import { create } from '@bufbuild/protobuf';
import { parseIp } from '@ambit/core/address';
import type { Authorization } from '@ambit/proto/authorization';
import type { ServedService } from '@ambit/proto/waypoint';
import { type Address, AddressSchema, type Service as WireService, type Workload } from '@ambit/proto/workload';
import { selects, valueOf } from './labels.ts';
import type { Model } from './model.ts';
import { type AuthorizationPolicy, objectName, type Pod, type Service } from './objects.ts';
import { convertAuthorizationPolicy } from './translate/authorization-policy.ts';
import type { Condition } from './translate/condition.ts';
import { Membership } from './translate/membership.ts';
import { MutualTls } from './translate/peer-authentication.ts';
import { convertService, isPublished, serviceKey } from './translate/service.ts';
import { ServicePods } from './translate/service-pods.ts';
import type { TranslationSettings } from './translate/settings.ts';
import { Waypoints } from './translate/waypoint/binding.ts';
import { type Waypoint, type WaypointFacts, WaypointGateways } from './translate/waypoint/gateways.ts';
import { JudgedTargets } from './translate/waypoint/judged.ts';
import { DestinationRules } from './translate/waypoint/destination-rules.ts';
import { GatewayRoutes } from './translate/waypoint/gateway-routes.ts';
import { ServiceHosts } from './translate/waypoint/hosts.ts';
import { ServedServices } from './translate/waypoint/served-service.ts';
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
  const gateways = new WaypointGateways(model);
  const judged = new JudgedTargets(model, settings);
  const waypoints = new Waypoints({ model, settings, gateways, judged, onceReady: memory.waypointsOnceReady });
  const servicePods = new ServicePods(settings);
  const bound: { service: Service; waypoint: Waypoint; judged: boolean }[] = [];
  const conditions: Condition[] = [];
  const addresses = new Map<string, Address>();

  for (const service of model.services.values()) {
    if (!isPublished(service)) continue;
    const binding = waypoints.ofService(service);
    if (binding !== undefined) conditions.push(binding.condition);
    const namespace = model.namespaces.get(service.metadata.namespace);
    const converted = convertService(service, { settings, network, namespace, waypoint: binding?.address });
    addresses.set(serviceKey(service, settings), addressOfService(converted));
    if (binding?.waypoint !== undefined) bound.push({ service, waypoint: binding.waypoint, judged: binding.judged });
  }

  for (const pod of model.pods.values()) {
    const binding = waypoints.ofPod(pod);
    if (binding !== undefined) conditions.push(binding.condition);
    if (!isPublishedPod(pod)) continue;
    const services = membership.ofPod(pod);
    servicePods.add(pod, Object.keys(services));
    const workload = convertPod(pod, {
      settings,
      network,
      node: model.nodes.get(pod.spec.nodeName ?? ''),
      services,
      policies: [...selecting.namesFor(pod), ...mutualTls.policiesOf(pod)],
      waypoint: binding?.address,
    });
    addresses.set(workload.uid, addressOfWorkload(workload));
  }

  for (const slice of model.endpointSlices.values()) {
    const service = membership.serviceOf(slice);
    if (service === undefined || slice.addressType === 'FQDN') continue;
    const services = membership.ofSlice(slice, service);
    for (const endpoint of slice.endpoints) {
      if (endpoint.targetRef?.kind === 'Pod') continue;
      for (const text of endpoint.addresses) {
        const address = parseIp(text);
        if (address === undefined) continue;
        const workload = convertEndpoint(slice, endpoint, address, { settings, network, services });
        addresses.set(workload.uid, addressOfWorkload(workload));
      }
    }
  }

  const hosts = new ServiceHosts(model, settings);
  const boundServices = new Set(bound.map(({ service }) => service));
  const gatewayRoutes = new GatewayRoutes(model, (service) => boundServices.has(service));
  const virtualServices = new VirtualServices(model, hosts);
  const destinationRules = new DestinationRules(model, settings, hosts);
  const served = new ServedServices({ settings, gatewayRoutes, virtualServices, destinationRules, servicePods });
  const servedServices = new Map(
    bound.map(({ service, waypoint, judged: isJudged }): [string, ServedService] => [
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
      ...waypoints.conditions(),
      ...conditions,
      ...membership.conditions(),
      ...gatewayRoutes.conditions(),
      ...virtualServices.conditions(),
      ...destinationRules.conditions(),
    ],
  };
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
