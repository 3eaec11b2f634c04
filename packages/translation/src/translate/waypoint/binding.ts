import { create } from '@bufbuild/protobuf';
import { HBONE_PORT } from '@ambit/mesh/ports';
import { type GatewayAddress, GatewayAddressSchema } from '@ambit/proto/workload';
import type { WorkloadEntry } from '../../entry-objects.ts';
import { valueOf } from '../../labels.ts';
import type { Namespace, Pod } from '../../objects.ts';
import { type Condition, conditionOf } from '../condition.ts';
import type { MeshModel } from '../mesh-model.ts';
import type { EntryHost, MeshService } from '../mesh-service.ts';
import type { TranslationSettings } from '../settings.ts';
import { isWaypointPod } from '../workload.ts';
import { WAYPOINT_CLASSES } from './deployed-names.ts';
import { INBOUND_BINDING } from './sandwich.ts';
import { failureModeConditions, failureModeOf } from './failure-mode.ts';
import type { Waypoint, WaypointGateways } from './gateways.ts';
import {
  canaryReferenceOf,
  type CanaryReference,
  type WaypointReference,
  waypointReferenceOf,
} from './waypoint-reference.ts';
import { type Judgement, NO_JUDGEMENT, type WaypointPolicies } from './waypoint-policies.ts';

/** What a label that asks for a waypoint leads to. */
export interface WaypointBinding {
  /** The waypoint of this control plane that serves the object, ready or not; undefined: none does. */
  readonly waypoint: Waypoint | undefined;
  /** What policies at the waypoint say. */
  readonly judgement: Judgement;
  /** Where proxies send connections to; they refuse them while nobody is there. Undefined: straight to the pods. */
  readonly address: GatewayAddress | undefined;
  /** Gets a share of the connections; undefined: all go to the first. */
  readonly canary: Canary | undefined;
  readonly condition: Condition;
}

/** A second waypoint of a Service. */
export interface Canary {
  /** The waypoint of this control plane; undefined: somebody else's. */
  readonly waypoint: Waypoint | undefined;
  readonly address: GatewayAddress;
  /** What policies there say. */
  readonly judgement: Judgement;
  /** Percent, 1 to 100. */
  readonly weight: number;
}

/** `obstacle`: why the condition is not true. */
type FirstBinding = Omit<WaypointBinding, 'canary'> & { readonly obstacle: Obstacle | undefined };

/** The same of a workload; without condition when it follows from its namespace, of which there is one. */
export type WorkloadBinding = Omit<WaypointBinding, 'canary' | 'condition'> & {
  readonly condition: Condition | undefined;
};

/** Why an object that asks for a waypoint does not get to it. `attached`: the waypoint would serve it. */
interface Obstacle {
  readonly reason:
    | 'AttachmentDenied'
    | 'CrossNamespaceWaypointForbidden'
    | 'UnsupportedTrafficType'
    | 'WaypointIsNotReady';
  readonly message: string;
  readonly attached: boolean;
}

/** Label of a Service, ServiceEntry or Namespace. */
const INGRESS_LABEL = 'istio.io/ingress-use-waypoint';

/** What is bound, by itself or for what is in it. */
type Bindable = MeshService | Namespace | Pod | WorkloadEntry;

export interface WaypointsParts {
  readonly model: MeshModel;
  readonly settings: TranslationSettings;
  readonly gateways: WaypointGateways;
  readonly policies: WaypointPolicies;
  /** `namespace/name` of the Gateways that were ready at some time. */
  readonly onceReady: ReadonlySet<string>;
}

/**
 * Who is bound to which waypoint. While its waypoint is not ready, an object is not reached if the waypoint was ready once
 * or a policy waits there; otherwise it is reached directly, as in Istio.
 */
export class Waypoints {
  readonly #parts: WaypointsParts;

  constructor(parts: WaypointsParts) {
    this.#parts = parts;
  }

  /** The binding of a Service or host, by its own label or that of its namespace; undefined when none is asked for. */
  ofService(service: MeshService): WaypointBinding | undefined {
    const { model, gateways } = this.#parts;
    if (service.kind === 'Service' && gateways.isInFront(service)) return undefined;
    const { namespace } = service.metadata;
    const around = model.namespaces.get(namespace);
    const waypoint = waypointReferenceOf(service) ?? waypointReferenceOf(around, namespace);
    if (waypoint === undefined || waypoint === 'none') return undefined;
    const bound = withIngress(this.#bind(service, waypoint), service, around);
    const canary = canaryReferenceOf(service) ?? canaryReferenceOf(around, namespace);
    return canary === undefined ? { ...bound, canary: undefined } : this.#withCanary(service, bound, waypoint, canary);
  }

  /**
   * The binding of a workload, for those who dial its own address: by its own label, or that of its namespace when that waypoint
   * serves workloads. Of one that is not there nobody knows, so it counts.
   */
  ofWorkload(workload: Pod | WorkloadEntry): WorkloadBinding | undefined {
    if (workload.kind === 'Pod' && (isWaypointPod(workload) || this.#parts.gateways.sandwichOf(workload) !== undefined))
      return undefined;
    const own = waypointReferenceOf(workload);
    if (own === 'none') return undefined;
    if (own !== undefined) return this.#bind(workload, own);
    const { namespace } = workload.metadata;
    const around = this.#parts.model.namespaces.get(namespace);
    const waypoint = waypointReferenceOf(around, namespace);
    if (around === undefined || waypoint === undefined || waypoint === 'none') return undefined;
    if (workload.kind === 'Pod' && sharesAddress(workload)) return undefined;
    const purpose = this.#parts.gateways.get(`${waypoint.namespace}/${waypoint.name}`)?.purpose;
    if (purpose !== undefined && !servesWorkloads(purpose)) return undefined;
    return { ...this.#bind(around, waypoint), condition: undefined };
  }

  /** Says of every labelled namespace what becomes of its Services and Pods. */
  conditions(): Condition[] {
    const { namespaces } = this.#parts.model;
    const bound = [...namespaces.values()].flatMap((namespace) => {
      const waypoint = waypointReferenceOf(namespace, namespace.metadata.name);
      return waypoint === undefined || waypoint === 'none' ? [] : [this.#bind(namespace, waypoint).condition];
    });
    return [...bound, ...failureModeConditions(namespaces.values())];
  }

  /** A canary gets nothing until it is ready and its weight is right; the first waypoint has everything then. */
  #withCanary(
    service: MeshService,
    first: FirstBinding,
    reference: WaypointReference,
    wanted: CanaryReference,
  ): WaypointBinding {
    const key = `${wanted.namespace}/${wanted.name}`;
    const said = (reason: string, message: string): WaypointBinding => {
      const condition = {
        ...first.condition,
        message: `${first.condition.message}; canary ${key}: ${reason}: ${message}`,
      };
      return { ...first, canary: undefined, condition };
    };
    if (!/^(?:100|[1-9]?\d)$/.test(wanted.weight)) {
      return said(
        'CanaryInvalidWeight',
        `the weight ${JSON.stringify(wanted.weight)} is no whole number from 0 to 100`,
      );
    }
    if (wanted.name === reference.name && wanted.namespace === reference.namespace) {
      return said('CanarySameAsPrimary', 'it is the waypoint itself');
    }
    const { waypoint, judgement, address, condition, obstacle } = this.#bind(service, wanted);
    if (first.address === undefined) return said('CanaryUnused', 'the first waypoint is not in use');
    if (obstacle !== undefined) return said(obstacle.reason, `${obstacle.message}; it gets nothing`);
    if (address === undefined) {
      return said(condition.reason, `${condition.message}; it gets nothing`);
    }
    const weight = Number(wanted.weight);
    if (weight === 0) return said('CanaryAccepted', 'it gets nothing, its weight is 0');
    return { ...said('CanaryAccepted', `it gets ${weight} %`), canary: { waypoint, address, judgement, weight } };
  }

  #bind(object: Bindable, reference: WaypointReference): FirstBinding {
    const key = `${reference.namespace}/${reference.name}`;
    const waypoint = this.#parts.gateways.get(key);
    const obstacle = this.#obstacleOf(object, key, waypoint);
    // Of a waypoint that is not there nobody knows which class it would be of.
    const classes = waypoint === undefined ? WAYPOINT_CLASSES : [waypoint.gateway.spec.gatewayClassName];
    const judgement = this.#parts.policies.of(object, key, classes);
    const revision = waypoint?.otherRevision;
    const isOurs = revision === undefined && waypoint?.sandwich === undefined;
    const isServed = obstacle?.attached !== false && waypoint?.refusal === undefined && isOurs;
    const served = isServed ? waypoint : undefined;
    const address = this.#addressOf(reference, waypoint);
    const said = (status: Condition['status'], reason: string, message: string): Condition =>
      conditionOf(object, 'istio.io/WaypointBound', status, reason, message);
    if (obstacle === undefined && revision !== undefined) {
      const condition = said('True', 'WaypointAccepted', `bound to waypoint ${key} of revision ${revision}`);
      return { waypoint: served, judgement: NO_JUDGEMENT, address, condition, obstacle };
    }
    if (obstacle === undefined && waypoint?.sandwich !== undefined) {
      const bound = `bound to sandwiched waypoint ${key}`;
      const { enforced } = judgement;
      const condition = enforced
        ? said(
            'True',
            'UnsupportedPolicy',
            `${bound}, and policies wait there of which nobody knows whether it judges them, so connections are refused`,
          )
        : said('True', 'WaypointAccepted', bound);
      return { waypoint: served, judgement, address: enforced ? nowhere(reference) : address, condition, obstacle };
    }
    if (obstacle === undefined) {
      const condition = judgement.closed
        ? said(
            'True',
            'UnsupportedPolicy',
            `bound to waypoint ${key}, and policies wait there that no waypoint can judge, so connections are refused`,
          )
        : said('True', 'WaypointAccepted', `bound to waypoint ${key}`);
      return { waypoint: served, judgement, address, condition, obstacle };
    }
    const closed = this.#reasonToRefuse(object, key, obstacle, judgement);
    const consequence =
      closed === undefined
        ? `connections go straight to the ${object.kind === 'ServiceEntry' ? 'endpoints' : 'pods'}, without what the waypoint would do`
        : `${closed}, so connections are refused`;
    return {
      waypoint: served,
      judgement,
      address: closed === undefined ? undefined : address,
      condition: said('False', obstacle.reason, `${obstacle.message}; ${consequence}`),
      obstacle,
    };
  }

  #obstacleOf(object: Bindable, key: string, waypoint: Waypoint | undefined): Obstacle | undefined {
    const unready = (message: string): Obstacle => ({ reason: 'WaypointIsNotReady', message, attached: true });
    if (waypoint === undefined) {
      const gateway = this.#parts.model.gateways.get(key);
      const message =
        gateway === undefined
          ? `waypoint ${key} does not exist`
          : `Gateway ${key} is no waypoint: its class is ${gateway.spec.gatewayClassName}, and without annotation ${INBOUND_BINDING}`;
      return { ...unready(message), attached: false };
    }
    if (waypoint.refusal !== undefined) return unready(`waypoint ${key} is not served (${waypoint.refusal.message})`);
    const { gateways } = this.#parts;
    if (!gateways.admits(waypoint, namespaceOf(object))) {
      const message = `waypoint ${key} does not admit the namespace ${namespaceOf(object)}`;
      return { reason: 'AttachmentDenied', message, attached: false };
    }
    if (isPrivate(object) && waypoint.gateway.metadata.namespace !== object.metadata.namespace) {
      const message = `waypoint ${key} is in another namespace, and the ServiceEntry is for clients of its own alone`;
      return { reason: 'CrossNamespaceWaypointForbidden', message, attached: false };
    }
    const unsupported = unsupportedTraffic(object, key, waypoint);
    if (unsupported !== undefined) {
      return { reason: 'UnsupportedTrafficType', message: unsupported, attached: false };
    }
    if (waypoint.ready) return undefined;
    const pods =
      waypoint.sandwich === undefined ? '' : ': it has no Service, or none of its pods is ready and in the mesh';
    return unready(`waypoint ${key} is not ready${pods}`);
  }

  /** Why an object is not reached past its waypoint; undefined: it is. */
  #reasonToRefuse(object: Bindable, key: string, { attached }: Obstacle, { enforced }: Judgement): string | undefined {
    const mode = failureModeOf(this.#parts.model.namespaces.get(namespaceOf(object)));
    if (mode === 'open') return undefined;
    if (mode === 'closed') return 'its namespace is never reached without waypoint';
    if (enforced) return 'policies wait there';
    return attached && this.#wasReady(key) ? 'it was ready before' : undefined;
  }

  #wasReady(key: string): boolean {
    return this.#parts.onceReady.has(key) || this.#parts.gateways.get(key)?.hadAddress === true;
  }

  #addressOf(reference: WaypointReference, waypoint: Waypoint | undefined): GatewayAddress {
    const { namespace } = reference;
    const name = waypoint?.serviceName ?? reference.name;
    const hostname = `${name}.${namespace}.svc.${this.#parts.settings.clusterDomain}`;
    return create(GatewayAddressSchema, {
      destination: { case: 'hostname', value: { namespace, hostname } },
      hboneMtlsPort: HBONE_PORT,
    });
  }
}

/** Whoever asks that ingress goes through the waypoint too is told that there is no ingress. */
function withIngress(bound: FirstBinding, service: MeshService, around: Namespace | undefined): FirstBinding {
  const asked = valueOf(service.metadata.labels, INGRESS_LABEL) ?? valueOf(around?.metadata.labels, INGRESS_LABEL);
  if (asked !== 'true') return bound;
  const message = `${bound.condition.message}; ${INGRESS_LABEL} has no effect, there are no ingress gateways`;
  return { ...bound, condition: { ...bound.condition, message } };
}

/** A waypoint that nobody is: connections to it are refused. */
function nowhere({ name, namespace }: WaypointReference): GatewayAddress {
  return create(GatewayAddressSchema, {
    destination: { case: 'hostname', value: { namespace, hostname: `${name}.${namespace}.unjudged.invalid` } },
    hboneMtlsPort: HBONE_PORT,
  });
}

function unsupportedTraffic(object: Bindable, key: string, { purpose }: Waypoint): string | undefined {
  if (object.kind === 'Pod' && sharesAddress(object))
    return 'a pod in the network of its node has no address of its own';
  const isForServices = purpose === 'service' || purpose === 'all';
  const isForWorkloads = servesWorkloads(purpose);
  const fits = {
    Namespace: isForServices || isForWorkloads,
    ...{ Service: isForServices, ServiceEntry: isForServices },
    ...{ Pod: isForWorkloads, WorkloadEntry: isForWorkloads },
  }[object.kind];
  return fits ? undefined : `waypoint ${key} is for ${purpose}`;
}

function servesWorkloads(purpose: string): boolean {
  return purpose === 'workload' || purpose === 'all';
}

/** Whether a pod's address is its node's, by which nobody tells it from others. */
function sharesAddress({ spec }: Pod): boolean {
  return spec.hostNetwork === true;
}

function isPrivate(object: Bindable): object is EntryHost {
  return object.kind === 'ServiceEntry' && object.namespaceOnly;
}

function namespaceOf({ kind, metadata }: Bindable): string {
  return kind === 'Namespace' ? metadata.name : metadata.namespace;
}
