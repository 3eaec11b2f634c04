import { HBONE_PORT } from '@ambit/mesh/ports';
import { isServingPod } from '../../enrolment.ts';
import type { Gateway, GatewayListener } from '../../gateway-objects.ts';
import { selectorHolds, valueOf } from '../../labels.ts';
import { objectName, type Service } from '../../objects.ts';
import { type Condition, conditionOf } from '../condition.ts';
import { revisionOf } from '../revision.ts';
import type { MeshModel } from '../mesh-model.ts';
import type { TranslationSettings } from '../settings.ts';
import { deployedNamesOf, GATEWAY_NAME_LABEL, WAYPOINT_CLASSES, WAYPOINT_CONTROLLER } from './deployed-names.ts';
import { replicasOf } from './replicas.ts';

/** Label of a Gateway or GatewayClass: what the waypoint is for. */
const WAYPOINT_FOR = 'istio.io/waypoint-for';

const SERVED = WAYPOINT_CLASSES.join(' and ');

/** A Gateway of a class of waypoints. */
export interface Waypoint {
  readonly gateway: Gateway;
  /** Why it is not served; undefined: it is. */
  readonly refusal: { readonly reason: string; readonly message: string } | undefined;
  /** `service`, `workload`, `all`, `none`, or anything else that was written. */
  readonly purpose: string;
  /** The Service in front of its pods. */
  readonly serviceName: string;
  readonly serviceAccount: string;
  /** Its Service and a ready pod are there; of another revision: its status says where it is. */
  readonly ready: boolean;
  /** Its status says where it is or was: it was ready at some time. */
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
  readonly #revision: string;
  readonly #waypoints = new Map<string, Waypoint>();

  constructor(model: MeshModel, { inCluster, revision }: Pick<TranslationSettings, 'inCluster' | 'revision'>) {
    this.#model = model;
    this.#inCluster = inCluster;
    this.#revision = revision;
    const gatewaysWithPods = new Set(
      [...model.pods.values()]
        .filter((pod) => isServingPod(pod))
        .map(({ metadata }) => `${metadata.namespace}/${valueOf(metadata.labels, GATEWAY_NAME_LABEL) ?? ''}`),
    );
    for (const [key, gateway] of model.gateways) {
      if (!this.#isWaypointClass(gateway.spec.gatewayClassName)) continue;
      const { name, serviceAccount } = deployedNamesOf(gateway);
      const hadAddress = (gateway.status?.addresses ?? []).length > 0;
      const otherRevision = this.#otherRevisionOf(gateway);
      const isHere = gatewaysWithPods.has(key) && model.services.has(`${gateway.metadata.namespace}/${name}`);
      this.#waypoints.set(key, {
        gateway,
        refusal: otherRevision === undefined ? this.#refusalOf(gateway) : undefined,
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

  /** Whether a Service is the one in front of a waypoint, which itself has none. */
  isInFront({ metadata }: Service): boolean {
    const gateway = this.#waypoints.get(`${metadata.namespace}/${valueOf(metadata.labels, GATEWAY_NAME_LABEL) ?? ''}`);
    return gateway?.serviceName === metadata.name;
  }

  /** Whether Gateways of a class are waypoints: one of ours that nobody else has claimed. */
  #isWaypointClass(name: string): boolean {
    const controller = this.#model.gatewayClasses.get(name)?.spec.controllerName;
    return WAYPOINT_CLASSES.includes(name) && (controller === undefined || controller === WAYPOINT_CONTROLLER);
  }

  /** Those of this revision by `namespace/name`. */
  facts(): ReadonlyMap<string, WaypointFacts> {
    return new Map(
      [...this.#waypoints].flatMap(([key, waypoint]): [string, WaypointFacts][] => {
        const { serviceAccount, serviceName, ready, refusal, otherRevision } = waypoint;
        if (otherRevision !== undefined) return [];
        const accepted = refusal === undefined;
        return [[key, { serviceAccount, serviceName, accepted, ready: ready && accepted }]];
      }),
    );
  }

  #otherRevisionOf({ metadata }: Gateway): string | undefined {
    const revision = revisionOf(metadata, this.#model.namespaces.get(metadata.namespace));
    return revision === this.#revision ? undefined : revision;
  }

  /** Whether a waypoint takes what belongs to a namespace. */
  admits({ gateway }: Waypoint, namespace: string): boolean {
    const { from = 'Same', selector = {} } = hboneListener(gateway)?.allowedRoutes?.namespaces ?? {};
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
    const { refusal, serviceName, otherRevision } = waypoint;
    if (otherRevision !== undefined) {
      const message = `it is left to the control plane of revision ${otherRevision}, and this one is ${this.#revision}`;
      return [conditionOf(gateway, 'Accepted', 'False', 'Pending', message)];
    }
    if (refusal !== undefined) return [conditionOf(gateway, 'Accepted', 'False', refusal.reason, refusal.message)];
    const accepted = conditionOf(gateway, 'Accepted', 'True', 'Accepted', `a waypoint for ${waypoint.purpose}`);
    const programmed = (status: Condition['status'], reason: string, message: string): Condition[] => {
      return [accepted, conditionOf(gateway, 'Programmed', status, reason, message)];
    };
    if (waypoint.ready)
      return programmed('True', 'Programmed', `Service ${serviceName} is there, and a pod of it is ready`);
    return this.#model.services.has(`${gateway.metadata.namespace}/${serviceName}`)
      ? programmed('False', 'Pending', 'none of its pods is ready')
      : programmed('False', 'AddressNotAssigned', `Service ${serviceName} is not there`);
  }

  #purposeOf({ metadata, spec }: Gateway): string {
    const own = valueOf(metadata.labels, WAYPOINT_FOR);
    const gatewayClass = this.#model.gatewayClasses.get(spec.gatewayClassName);
    return own ?? valueOf(gatewayClass?.metadata.labels, WAYPOINT_FOR) ?? 'service';
  }

  #refusalOf(gateway: Gateway): Waypoint['refusal'] {
    const { addresses = [], infrastructure, tls, allowedListeners, defaultScope } = gateway.spec;
    const purpose = this.#purposeOf(gateway);
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
    if (!['service', 'workload', 'all', 'none'].includes(purpose)) {
      return { reason: 'UnsupportedValue', message: `${WAYPOINT_FOR} must be service, workload, all or none` };
    }
    if (replicasOf(gateway, 1) === undefined) {
      return { reason: 'InvalidParameters', message: 'the annotation ambit.io/replicas must be a number from 1 to 16' };
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
