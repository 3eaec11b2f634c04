import { HBONE_PORT } from '@ambit/mesh/ports';
import { isCaptured, isServingPod } from '../../enrolment.ts';
import type { Gateway, GatewayListener } from '../../gateway-objects.ts';
import { selectorHolds, valueOf } from '../../labels.ts';
import { objectName, type Pod, type Service } from '../../objects.ts';
import { type Condition, conditionOf } from '../condition.ts';
import { revisionOf } from '../revision.ts';
import type { MeshModel } from '../mesh-model.ts';
import type { TranslationSettings } from '../settings.ts';
import { FORWARDED_FOR, forwardedForOf } from './client-fields.ts';
import {
  deployedNamesOf,
  GATEWAY_NAME_LABEL,
  MANAGED_LABEL,
  WAYPOINT_CLASSES,
  WAYPOINT_CONTROLLER,
} from './deployed-names.ts';
import { replicasOf } from './replicas.ts';
import { boundListener, INBOUND_BINDING, type InboundBinding, inboundBindingOf, serviceInFront } from './sandwich.ts';

/** Label of a Gateway or GatewayClass: what the waypoint is for. */
const WAYPOINT_FOR = 'istio.io/waypoint-for';
/** Whose gateways to other networks are. */
const EAST_WEST = 'istio.io-eastwest-controller';
const PURPOSES: readonly string[] = ['service', 'workload', 'all', 'none'];
const NO_PURPOSE = `${WAYPOINT_FOR} must be service, workload, all or none`;

const SERVED = WAYPOINT_CLASSES.join(' and ');

/** A Gateway of a class of waypoints, or one of another class that is sandwiched between node proxies. */
export interface Waypoint {
  readonly gateway: Gateway;
  /** Why it is not served; undefined: it is. */
  readonly refusal: { readonly reason: string; readonly message: string } | undefined;
  /** `service`, `workload`, `all`, `none`, or anything else that was written. */
  readonly purpose: string;
  /** The Service in front of its pods. */
  readonly serviceName: string;
  readonly serviceAccount: string;
  /** How its pods take what comes in tunnels; undefined: it ends them itself, and is not sandwiched. */
  readonly sandwich: InboundBinding | undefined;
  /** Its Service and a ready pod are there (sandwiched: one in the mesh); of another revision: its status says where it is. */
  readonly ready: boolean;
  /** Its status says where it is or was, or its Service is there that somebody else made: it was ready at some time. */
  readonly hadAddress: boolean;
  /** The revision of the other control plane that runs and programs it; undefined: it is ours. */
  readonly otherRevision: string | undefined;
}

/** What the controller needs to know of a waypoint of its own revision. */
export interface WaypointFacts {
  /** Its pods run as this account of the Gateway's namespace. */
  readonly serviceAccount: string;
  /** It is served. */
  readonly accepted: boolean;
  /** It is served, its Service is there, and a pod of it is ready. */
  readonly ready: boolean;
  /** The Service in front of its pods, in the Gateway's namespace. */
  readonly serviceName: string;
}

/** The Gateways of a model that are waypoints. */
export class WaypointGateways {
  readonly #model: MeshModel;
  readonly #inCluster: boolean;
  /** `namespace/name` of the Services in front of sandwiched waypoints. */
  readonly #sandwichFronts = new Set<string>();
  readonly #revision: string;
  readonly #waypoints = new Map<string, Waypoint>();

  constructor(
    model: MeshModel,
    { inCluster, revision, clusterDomain }: Pick<TranslationSettings, 'clusterDomain' | 'inCluster' | 'revision'>,
  ) {
    this.#model = model;
    this.#inCluster = inCluster;
    this.#revision = revision;
    const gatewaysWithPods = new Set(
      [...model.pods.values()]
        .filter((pod) => isServingPod(pod))
        .map(({ metadata }) => `${metadata.namespace}/${valueOf(metadata.labels, GATEWAY_NAME_LABEL) ?? ''}`),
    );
    for (const [key, gateway] of model.gateways) {
      const binding = inboundBindingOf(gateway, model.gatewayClasses.get(gateway.spec.gatewayClassName));
      if (!this.#isWaypointClass(gateway.spec.gatewayClassName)) {
        if (binding !== undefined) this.#waypoints.set(key, this.#sandwich(gateway, binding, clusterDomain));
        continue;
      }
      const { name, serviceAccount } = deployedNamesOf(gateway);
      const hadAddress = (gateway.status?.addresses ?? []).length > 0;
      const otherRevision = this.#otherRevisionOf(gateway);
      const isHere = gatewaysWithPods.has(key) && model.services.has(`${gateway.metadata.namespace}/${name}`);
      this.#waypoints.set(key, {
        gateway,
        refusal: otherRevision === undefined ? this.#refusalOf(gateway, binding) : undefined,
        sandwich: undefined,
        purpose: this.#purposeOf(gateway),
        serviceName: name,
        serviceAccount,
        ready: otherRevision === undefined ? isHere : hadAddress,
        hadAddress,
        otherRevision,
      });
    }
  }

  /** By `namespace/name`. */
  get(key: string): Waypoint | undefined {
    return this.#waypoints.get(key);
  }

  /** The sandwiched waypoint that a pod is of. */
  sandwichOf({ metadata }: Pod): InboundBinding | undefined {
    const name = valueOf(metadata.labels, GATEWAY_NAME_LABEL);
    if (name === undefined) return undefined;
    const waypoint = this.#waypoints.get(`${metadata.namespace}/${name}`);
    return waypoint?.refusal === undefined ? waypoint?.sandwich : undefined;
  }

  /** Whether a Service is the one in front of a waypoint, or of a gateway to another network: these have none themselves. */
  isInFront({ metadata }: Service): boolean {
    // What leads to another network is no application.
    if (valueOf(metadata.labels, MANAGED_LABEL) === EAST_WEST) return true;
    if (this.#sandwichFronts.has(`${metadata.namespace}/${metadata.name}`)) return true;
    const gateway = this.#waypoints.get(`${metadata.namespace}/${valueOf(metadata.labels, GATEWAY_NAME_LABEL) ?? ''}`);
    return gateway?.serviceName === metadata.name;
  }

  /** Whether Gateways of a class are waypoints: one of ours that nobody else has claimed. */
  #isWaypointClass(name: string): boolean {
    const controller = this.#model.gatewayClasses.get(name)?.spec.controllerName;
    return WAYPOINT_CLASSES.includes(name) && (controller === undefined || controller === WAYPOINT_CONTROLLER);
  }

  /** Those of this revision by `namespace/name`, which we run and program. */
  facts(): ReadonlyMap<string, WaypointFacts> {
    return new Map(
      [...this.#waypoints].flatMap(([key, waypoint]): [string, WaypointFacts][] => {
        const { serviceAccount, serviceName, ready, refusal, otherRevision, sandwich } = waypoint;
        if (otherRevision !== undefined || sandwich !== undefined) return [];
        const accepted = refusal === undefined;
        return [[key, { serviceAccount, serviceName, accepted, ready: ready && accepted }]];
      }),
    );
  }

  /** Whoever runs it, its pods have to be in the mesh, or there is no node proxy to end their tunnels. */
  #sandwich(gateway: Gateway, binding: 'invalid' | InboundBinding, clusterDomain: string): Waypoint {
    const { name, namespace } = gateway.metadata;
    const service = serviceInFront(gateway, this.#model.services.values(), { clusterDomain });
    const isInMesh = [...this.#model.pods.values()].some(
      (pod) =>
        pod.metadata.namespace === namespace &&
        valueOf(pod.metadata.labels, GATEWAY_NAME_LABEL) === name &&
        isServingPod(pod) &&
        isCaptured(pod),
    );
    if (service !== undefined) this.#sandwichFronts.add(`${namespace}/${service.metadata.name}`);
    const purpose = this.#purposeOf(gateway);
    const refusal =
      binding === 'invalid'
        ? `the annotation ${INBOUND_BINDING} must be NONE or PROXY, with /port of its own after it or not`
        : PURPOSES.includes(purpose)
          ? undefined
          : NO_PURPOSE;
    return {
      gateway,
      refusal: refusal === undefined ? undefined : { reason: 'UnsupportedValue', message: refusal },
      sandwich: binding === 'invalid' ? { protocol: 'NONE', port: 0 } : binding,
      purpose,
      serviceName: service?.metadata.name ?? name,
      serviceAccount: '',
      ready: service !== undefined && isInMesh,
      hadAddress: service !== undefined || (gateway.status?.addresses ?? []).length > 0,
      otherRevision: undefined,
    };
  }

  #otherRevisionOf({ metadata }: Gateway): string | undefined {
    const revision = revisionOf(metadata, this.#model.namespaces.get(metadata.namespace));
    return revision === this.#revision ? undefined : revision;
  }

  /** Whether a waypoint takes what belongs to a namespace. */
  admits({ gateway, sandwich }: Waypoint, namespace: string): boolean {
    const listener = sandwich === undefined ? hboneListener(gateway) : boundListener(gateway, sandwich);
    const { from = 'Same', selector = {} } = listener?.allowedRoutes?.namespaces ?? {};
    switch (from) {
      case 'All':
        return true;
      case 'Same':
        return namespace === gateway.metadata.namespace;
      case 'Selector': {
        const labels = this.#model.namespaces.get(namespace)?.metadata.labels ?? {};
        return selectorHolds(selector, { ...labels, 'kubernetes.io/metadata.name': namespace });
      }
      case 'None':
        return false;
    }
  }

  conditions(): Condition[] {
    const classes = [...this.#model.gatewayClasses.values()].flatMap((gatewayClass) => {
      const isOurs = gatewayClass.spec.controllerName === WAYPOINT_CONTROLLER;
      if (!WAYPOINT_CLASSES.includes(gatewayClass.metadata.name)) {
        // Another controller acts on its own.
        if (!isOurs && this.#inCluster) return [];
        const message = `only the classes ${SERVED} are served`;
        return [conditionOf(gatewayClass, 'Accepted', 'False', 'Unsupported', message)];
      }
      return isOurs
        ? [conditionOf(gatewayClass, 'Accepted', 'True', 'Accepted', 'its Gateways are waypoints')]
        : [
            conditionOf(
              gatewayClass,
              'Accepted',
              'False',
              'Unsupported',
              `its controllerName must be ${WAYPOINT_CONTROLLER}`,
            ),
          ];
    });
    return [...classes, ...[...this.#model.gateways.values()].flatMap((gateway) => this.#conditionsOf(gateway))];
  }

  #conditionsOf(gateway: Gateway): Condition[] {
    const waypoint = this.#waypoints.get(objectName(gateway.metadata));
    if (waypoint === undefined) {
      const { gatewayClassName } = gateway.spec;
      const controller = this.#model.gatewayClasses.get(gatewayClassName)?.spec.controllerName;
      if (this.#inCluster && controller !== undefined && controller !== WAYPOINT_CONTROLLER) return [];
      const message = `its class ${gatewayClassName} is not served, only ${SERVED} are`;
      return [conditionOf(gateway, 'Accepted', 'False', 'Pending', message)];
    }
    const { refusal, serviceName, otherRevision, sandwich } = waypoint;
    if (sandwich !== undefined && this.#inCluster) return [];
    if (otherRevision !== undefined) {
      const message = `it is left to the control plane of revision ${otherRevision}, and this one is ${this.#revision}`;
      return [conditionOf(gateway, 'Accepted', 'False', 'Pending', message)];
    }
    if (refusal !== undefined) return [conditionOf(gateway, 'Accepted', 'False', refusal.reason, refusal.message)];
    const kind = sandwich === undefined ? 'a waypoint' : 'a sandwiched waypoint that somebody else runs and programs,';
    const accepted = conditionOf(gateway, 'Accepted', 'True', 'Accepted', `${kind} for ${waypoint.purpose}`);
    const programmed = (status: Condition['status'], reason: string, message: string): Condition[] => {
      return [accepted, conditionOf(gateway, 'Programmed', status, reason, message)];
    };
    if (waypoint.ready)
      return programmed('True', 'Programmed', `Service ${serviceName} is there, and a pod of it is ready`);
    return this.#model.services.has(`${gateway.metadata.namespace}/${serviceName}`)
      ? programmed('False', 'Pending', `none of its pods is ready${sandwich === undefined ? '' : ' and in the mesh'}`)
      : programmed('False', 'AddressNotAssigned', `Service ${serviceName} is not there`);
  }

  #purposeOf({ metadata, spec }: Gateway): string {
    const own = valueOf(metadata.labels, WAYPOINT_FOR);
    const gatewayClass = this.#model.gatewayClasses.get(spec.gatewayClassName);
    return own ?? valueOf(gatewayClass?.metadata.labels, WAYPOINT_FOR) ?? 'service';
  }

  #refusalOf(gateway: Gateway, binding: 'invalid' | InboundBinding | undefined): Waypoint['refusal'] {
    const { addresses = [], infrastructure, tls, allowedListeners, defaultScope } = gateway.spec;
    const purpose = this.#purposeOf(gateway);
    if (binding !== undefined) {
      const message = `the annotation ${INBOUND_BINDING} is not honoured: its pods end tunnels themselves`;
      return { reason: 'UnsupportedValue', message };
    }
    if (addresses.length > 0) return { reason: 'UnsupportedAddress', message: 'spec.addresses is not honoured' };
    const parameters = infrastructure?.parametersRef;
    if (parameters !== undefined && !this.#inCluster) {
      return { reason: 'InvalidParameters', message: 'spec.infrastructure.parametersRef is not honoured' };
    }
    if (parameters !== undefined && (parameters.group !== '' || parameters.kind !== 'ConfigMap')) {
      return { reason: 'InvalidParameters', message: 'spec.infrastructure.parametersRef must name a ConfigMap' };
    }
    for (const [field, value] of Object.entries({ tls, allowedListeners, defaultScope })) {
      if (value !== undefined) return { reason: 'UnsupportedValue', message: `spec.${field} is not honoured` };
    }
    if (!PURPOSES.includes(purpose)) {
      return { reason: 'UnsupportedValue', message: NO_PURPOSE };
    }
    if (replicasOf(gateway, 1) === undefined) {
      return { reason: 'InvalidParameters', message: 'the annotation ambit.io/replicas must be a number from 1 to 16' };
    }
    if (forwardedForOf(gateway, this.#model.gatewayClasses.get(gateway.spec.gatewayClassName)) === undefined) {
      return {
        reason: 'InvalidParameters',
        message: `the annotation ${FORWARDED_FOR} must be append, pass or replace`,
      };
    }
    return listenerRefusal(gateway);
  }
}

/** The first listener that is a waypoint's. */
export function hboneListener({ spec }: Gateway): GatewayListener | undefined {
  return spec.listeners.find(({ protocol, port }) => protocol === 'HBONE' && port === HBONE_PORT);
}

function listenerRefusal(gateway: Gateway): Waypoint['refusal'] {
  const refused = (message: string): Waypoint['refusal'] => ({ reason: 'ListenersNotValid', message });
  const listener = hboneListener(gateway);
  if (listener === undefined) return refused(`it has no listener of protocol HBONE on port ${HBONE_PORT}`);
  const other = gateway.spec.listeners.find((candidate) => candidate !== listener);
  if (other !== undefined)
    return refused(`the listener ${other.name} is not honoured: a waypoint has the one for HBONE alone`);
  if (listener.tls !== undefined) return refused('the tls of its listener is not honoured');
  if (listener.hostname !== undefined) return refused('the hostname of its listener is not honoured');
  if (listener.allowedRoutes?.kinds !== undefined)
    return refused('allowedRoutes.kinds of its listener is not honoured');
  return undefined;
}
