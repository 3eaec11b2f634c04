import { create } from '@bufbuild/protobuf';
import { HBONE_PORT } from '@ambit/mesh/ports';
import { type GatewayAddress, GatewayAddressSchema } from '@ambit/proto/workload';
import { valueOf } from '../labels.ts';
import type { Model } from '../model.ts';
import type { Namespace, Pod, Service } from '../objects.ts';
import { targetsOf } from './authorization-policy.ts';
import { type Condition, conditionOf } from './condition.ts';
import type { TranslationSettings } from './settings.ts';

const USE_WAYPOINT = 'istio.io/use-waypoint';
const USE_WAYPOINT_NAMESPACE = 'istio.io/use-waypoint-namespace';

interface WaypointReference {
  readonly name: string;
  readonly namespace: string;
}

/** What a label that asks for a waypoint leads to. */
export interface WaypointBinding {
  /** Set when policies wait at the waypoint: proxies then refuse, because it is not there, rather than pass by it. */
  readonly address: GatewayAddress | undefined;
  readonly condition: Condition;
}

/**
 * Waypoints asked for by label. None is served, so what asks for one is reached directly, unless some policy targets
 * it, its waypoint or the class of waypoints: then it is not reached at all.
 */
export class Waypoints {
  readonly #model: Model;
  readonly #settings: TranslationSettings;
  /** `namespace/Kind/name` of what policies target; classes without namespace. */
  readonly #judged = new Set<string>();

  constructor(model: Model, settings: TranslationSettings) {
    this.#model = model;
    this.#settings = settings;
    for (const policy of model.authorizationPolicies.values()) {
      for (const { kind, name } of targetsOf(policy)) {
        this.#judged.add(
          kind === 'GatewayClass' ? `GatewayClass/${name}` : `${policy.metadata.namespace}/${kind}/${name}`,
        );
      }
    }
  }

  /** The binding of a Service, by its own label or that of its namespace; undefined when none is asked for. */
  ofService(service: Service): WaypointBinding | undefined {
    const { namespace } = service.metadata;
    const waypoint = referenceOf(service) ?? referenceOf(this.#model.namespaces.get(namespace), namespace);
    return waypoint === undefined || waypoint === 'none' ? undefined : this.#bind(service, waypoint);
  }

  /** The binding of a Pod by its own label; that of a namespace is for its Services. */
  ofPod(pod: Pod): WaypointBinding | undefined {
    const waypoint = referenceOf(pod);
    return waypoint === undefined || waypoint === 'none' ? undefined : this.#bind(pod, waypoint);
  }

  /** Says of every labelled namespace that its waypoint is not there. */
  conditions(): Condition[] {
    return [...this.#model.namespaces.values()].flatMap((namespace) => {
      const waypoint = referenceOf(namespace, namespace.metadata.name);
      return waypoint === undefined || waypoint === 'none' ? [] : [this.#bind(namespace, waypoint).condition];
    });
  }

  #bind(object: Namespace | Pod | Service, waypoint: WaypointReference): WaypointBinding {
    const { name, namespace } = object.metadata;
    const judged =
      this.#judged.has(`${namespace}/${object.kind}/${name}`) ||
      this.#judged.has(`${waypoint.namespace}/Gateway/${waypoint.name}`) ||
      this.#judged.has('GatewayClass/istio-waypoint');
    const consequence = judged
      ? 'policies wait there, so connections are refused'
      : 'connections go straight to the pods, without what the waypoint would do';
    const message = `waypoint ${waypoint.namespace}/${waypoint.name} is not served; ${consequence}`;
    return {
      address: judged ? this.#addressOf(waypoint) : undefined,
      condition: conditionOf(object, 'istio.io/WaypointBound', 'False', 'WaypointIsNotReady', message),
    };
  }

  #addressOf({ name, namespace }: WaypointReference): GatewayAddress {
    const hostname = `${name}.${namespace}.svc.${this.#settings.clusterDomain}`;
    return create(GatewayAddressSchema, {
      destination: { case: 'hostname', value: { namespace, hostname } },
      hboneMtlsPort: HBONE_PORT,
    });
  }
}

/** The waypoint that an object's labels name; `none` opts out, undefined says nothing. */
function referenceOf(
  object: { readonly metadata: Pod['metadata'] } | undefined,
  ownNamespace = object?.metadata.namespace ?? '',
): 'none' | WaypointReference | undefined {
  const name = valueOf(object?.metadata.labels, USE_WAYPOINT);
  if (name === undefined || name === '') return undefined;
  if (name === 'none') return 'none';
  return { name, namespace: valueOf(object?.metadata.labels, USE_WAYPOINT_NAMESPACE) ?? ownNamespace };
}
