import { clone } from '@bufbuild/protobuf';
import { type ServedService, ServedServiceSchema } from '@ambit/proto/waypoint';
import type { Model } from '../../model.ts';
import { objectName } from '../../objects.ts';
import type { Telemetry } from '../../telemetry-objects.ts';
import { targetsOf } from '../authorization-policy.ts';
import { type Condition, conditionOf } from '../condition.ts';
import type { MeshService } from '../mesh-service.ts';
import type { TranslationSettings } from '../settings.ts';
import { sortedByAge } from '../waypoint/precedence.ts';
import { requiredFeaturesOf } from '../waypoint/required-features.ts';
import type { ServiceCatalog } from '../waypoint/service-catalog.ts';
import type { MeshConfig } from './mesh-config.ts';
import { overlay, type ReadTelemetry, readTelemetry, type TelemetryLayer } from './telemetry-layer.ts';
import { objectionsToTelemetry, telemetryMessage } from './telemetry-message.ts';

/**
 * The Telemetry objects of a model. What holds for a Service: those of the root namespace, then of the waypoint's namespace, of
 * its class, of the Gateway and of the Service, the latter before the former; of several for the same, the oldest.
 */
export class Telemetries {
  readonly #read = new Map<Telemetry, ReadTelemetry>();
  /** By what they are for: `namespace`, `namespace/Kind/name`, `GatewayClass/name`. */
  readonly #inForce = new Map<string, Telemetry>();
  readonly #lost = new Map<Telemetry, string[]>();
  readonly #mesh: readonly Condition[];
  readonly #base: TelemetryLayer;
  readonly #settings: TranslationSettings;
  readonly #gateways: Model['gateways'];

  constructor(model: Model, settings: TranslationSettings, catalog: ServiceCatalog, config: MeshConfig) {
    this.#settings = settings;
    this.#gateways = model.gateways;
    this.#mesh = config.conditions;
    const byDefault = config.defaultTraceProviders.map((name) => config.traceProviders.get(name));
    const provider = byDefault.find((one) => typeof one === 'object');
    const { disabled, format } = config.logs;
    const logging = { ...(disabled === true ? { disabled } : {}), ...(format === undefined ? {} : { format }) };
    this.#base = {
      metrics: new Map(),
      ...(Object.keys(logging).length === 0 ? {} : { logging }),
      ...(provider === undefined ? {} : { tracing: { provider } }),
    };
    for (const object of sortedByAge([...model.telemetries.values()])) {
      const read = readTelemetry(object.spec, config);
      const objections = read.problems.length > 0 ? [] : objectionsToTelemetry(read.layer);
      this.#read.set(object, { ...read, problems: [...read.problems, ...objections] });
      for (const place of this.#places(object, catalog)) this.#put(object, place);
    }
  }

  /** The resource with what holds for it. `service`: undefined for a workload. */
  applyTo(served: ServedService, service: MeshService | undefined): ServedService {
    const namespace = served.waypointNamespace;
    const gateway = this.#gateways.get(`${namespace}/${served.waypointName}`);
    const places = [
      ...(namespace === this.#settings.rootNamespace ? [] : [this.#settings.rootNamespace]),
      namespace,
      ...(gateway === undefined ? [] : [`GatewayClass/${gateway.spec.gatewayClassName}`]),
      `${namespace}/Gateway/${served.waypointName}`,
      ...(service === undefined ? [] : [targetOf(service)]),
    ];
    let layer = this.#base;
    for (const place of places) {
      const object = this.#inForce.get(place);
      const read = object === undefined ? undefined : this.#read.get(object);
      if (object === undefined || read === undefined || read.problems.length > 0) continue;
      const together = overlay(layer, read.layer);
      const objections = objectionsToTelemetry(together);
      if (objections.length === 0) layer = together;
      else this.#lose(object, `${served.hostname}${served.workloadUid}: ${objections.join('; ')}`);
    }
    const telemetry = telemetryMessage(layer, nameOfSpans(served, service));
    if (telemetry === undefined) return served;
    const result = clone(ServedServiceSchema, served);
    result.telemetry = telemetry;
    result.requiredFeatures = requiredFeaturesOf(result);
    return result;
  }

  /** After all resources were made. */
  conditions(): Condition[] {
    return [...this.#mesh, ...Array.from(this.#read, ([object, read]) => this.#condition(object, read))];
  }

  #condition(object: Telemetry, { problems, remarks }: ReadTelemetry): Condition {
    const say = (status: 'False' | 'True', reason: string, message: string): Condition =>
      conditionOf(object, 'WaypointAccepted', status, reason, message);
    if (object.spec.selector !== undefined) {
      const message = 'what has a selector is for sidecars; name a Gateway, Service or ServiceEntry in targetRefs';
      return say('False', 'UnsupportedValue', message);
    }
    if (problems.length > 0) {
      const shown = problems.slice(0, 5).join('; ');
      const more = problems.length > 5 ? ` and ${problems.length - 5} more` : '';
      return say('False', 'UnsupportedValue', `it has no effect: ${shown}${more}`);
    }
    const lost = this.#lost.get(object) ?? [];
    if (lost.length > 0) {
      const inForce = [...this.#inForce.values()].includes(object) ? 'not everywhere in force' : 'not in force';
      return say('False', 'Conflicted', `${inForce}: ${lost.slice(0, 5).join('; ')}`);
    }
    return say('True', 'Accepted', remarks.length === 0 ? 'in force' : `in force; ${[...new Set(remarks)].join('; ')}`);
  }

  /** What an object is for. */
  #places(object: Telemetry, catalog: ServiceCatalog): string[] {
    const { spec, metadata } = object;
    if (spec.selector !== undefined) return [];
    const targets = targetsOf(object);
    if (targets.length === 0) return [metadata.namespace];
    return targets.flatMap(({ kind, name }) => {
      const key = `${metadata.namespace}/${name}`;
      switch (kind) {
        case 'Gateway':
          return this.#found(object, this.#gateways.has(key), `${metadata.namespace}/Gateway/${name}`);
        case 'Service':
          return this.#found(object, catalog.service(key) !== undefined, `${metadata.namespace}/Service/${name}`);
        case 'ServiceEntry':
          return this.#found(object, catalog.hosts(key).length > 0, `${metadata.namespace}/ServiceEntry/${name}`);
        case 'GatewayClass':
          // One namespace must not speak for the waypoints of all others.
          if (metadata.namespace === this.#settings.rootNamespace) return [`GatewayClass/${name}`];
          this.#lose(object, `GatewayClass ${name} is spoken for in ${this.#settings.rootNamespace} alone`);
          return [];
        default:
          this.#lose(object, `a ${kind} cannot be its target`);
          return [];
      }
    });
  }

  #found(object: Telemetry, isThere: boolean, place: string): string[] {
    if (isThere) return [place];
    this.#lose(object, `${place} is not there`);
    return [];
  }

  #put(object: Telemetry, place: string): void {
    const winner = this.#inForce.get(place);
    if (winner === undefined) this.#inForce.set(place, object);
    else this.#lose(object, `${place} has ${objectName(winner.metadata)}, which is older`);
  }

  #lose(object: Telemetry, why: string): void {
    const lost = this.#lost.get(object) ?? [];
    if (!lost.includes(why)) this.#lost.set(object, [...lost, why]);
  }
}

/** As Istio names a workload there; hosts outside have no namespace of their own. */
function nameOfSpans({ waypointNamespace, waypointName }: ServedService, service: MeshService | undefined): string {
  if (service?.kind === 'ServiceEntry') return service.hostname;
  const { name, namespace } = service?.metadata ?? { name: waypointName, namespace: waypointNamespace };
  return `${name}.${namespace}`;
}

function targetOf({ kind, metadata }: MeshService): string {
  return `${metadata.namespace}/${kind}/${metadata.name}`;
}
