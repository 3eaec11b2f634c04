import { clone } from '@bufbuild/protobuf';
import { type LocalRateLimit, type ServedService, ServedServiceSchema } from '@ambit/proto/waypoint';
import type { ParentReference } from '../../gateway-objects.ts';
import type { Model } from '../../model.ts';
import { objectName } from '../../objects.ts';
import type { LocalRateLimitPolicy, LocalRateLimitTarget } from '../../rate-limit-objects.ts';
import { type Condition, conditionOf } from '../condition.ts';
import type { MeshService } from '../mesh-service.ts';
import { sortedByAge } from '../waypoint/precedence.ts';
import { requiredFeaturesOf } from '../waypoint/required-features.ts';
import type { ServiceCatalog } from '../waypoint/service-catalog.ts';
import { objectionsToRateLimits, rateLimitMessage } from './rate-limit-message.ts';

/**
 * The LocalRateLimitPolicies of a model. All that are for a Service or for its Gateway hold together, each with buckets of its own for
 * each target. Where they are more than a waypoint takes, the oldest hold.
 */
export class RateLimitPolicies {
  readonly #policies: readonly LocalRateLimitPolicy[];
  readonly #objections = new Map<LocalRateLimitPolicy, readonly string[]>();
  /** By `Kind namespace/name`. */
  readonly #byTarget = new Map<string, LocalRateLimitPolicy[]>();
  readonly #missing = new Map<LocalRateLimitPolicy, string[]>();
  /** By policy, the Gateways (`namespace/name`) where it holds. */
  readonly #gateways = new Map<LocalRateLimitPolicy, Set<string>>();
  readonly #left = new Map<LocalRateLimitPolicy, Set<string>>();

  constructor(model: Model, catalog: ServiceCatalog) {
    this.#policies = sortedByAge([...model.localRateLimitPolicies.values()]);
    for (const policy of this.#policies) {
      const objections = objectionsToRateLimits([rateLimitMessage(policy, 'any')]);
      if (objections.length > 0) this.#objections.set(policy, objections);
      for (const target of policy.spec.targetRefs) {
        const place = placeOf(policy, target);
        if (!isThere(policy, target, model, catalog)) {
          this.#missing.set(policy, [...(this.#missing.get(policy) ?? []), place]);
        }
        this.#byTarget.set(place, [...(this.#byTarget.get(place) ?? []), policy]);
      }
    }
  }

  /** The resource with the limits that hold for it. `service`: undefined for a workload, for which only its Gateway's do. */
  applyTo(served: ServedService, service: MeshService | undefined): ServedService {
    const gateway = `${served.waypointNamespace}/${served.waypointName}`;
    const places = [
      `Gateway ${gateway}`,
      ...(service === undefined ? [] : [`${service.kind} ${objectName(service.metadata)}`]),
    ];
    let limits: readonly LocalRateLimit[] = [];
    for (const [policy, place] of this.#at(places)) {
      const more = [...limits, rateLimitMessage(policy, place)];
      if (objectionsToRateLimits(more).length > 0) {
        this.#add(this.#left, policy, `${served.hostname}${served.workloadUid}`);
        continue;
      }
      limits = more;
      this.#add(this.#gateways, policy, gateway);
    }
    if (limits.length === 0) return served;
    const result = clone(ServedServiceSchema, served);
    result.localRateLimits = [...limits].sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
    result.requiredFeatures = requiredFeaturesOf(result);
    return result;
  }

  /** After all resources were made: for each waypoint that acts by a policy one. */
  conditions(): Condition[] {
    return this.#policies.flatMap((policy) => {
      const gateways = [...(this.#gateways.get(policy) ?? [])].sort();
      const objections = this.#objections.get(policy) ?? [];
      if (objections.length > 0) {
        const message = `it has no effect: ${objections.slice(0, 5).join('; ')}`;
        return this.#refused(policy, 'Invalid', message);
      }
      const remarks = this.#remarks(policy);
      if (gateways.length === 0) {
        const [reason, what] = this.#withoutEffect(policy);
        return this.#refused(policy, reason, [what, ...remarks].join('; '));
      }
      const mode = policy.spec.mode === 'DryRun' ? 'counted and logged, nothing is refused' : 'in force';
      return gateways.map((gateway) => ({
        ...conditionOf(policy, 'Accepted', 'True', 'Accepted', [mode, ...remarks].join('; ')),
        parent: ancestorOf(gateway),
      }));
    });
  }

  /** Said of each target: there is no waypoint of which it could be said. */
  #refused(policy: LocalRateLimitPolicy, reason: string, message: string): Condition[] {
    const { namespace } = policy.metadata;
    return policy.spec.targetRefs.map(({ group, kind, name }) => ({
      ...conditionOf(policy, 'Accepted', 'False', reason, message),
      parent: { group, kind, namespace, name },
    }));
  }

  #withoutEffect(policy: LocalRateLimitPolicy): [string, string] {
    if (this.#left.has(policy)) return ['Conflicted', 'it has no effect'];
    const missing = (this.#missing.get(policy) ?? []).length === policy.spec.targetRefs.length;
    if (missing) return ['TargetNotFound', 'it has no effect'];
    return ['AncestorNotBound', 'it has no effect: no waypoint serves what it is for'];
  }

  #remarks(policy: LocalRateLimitPolicy): string[] {
    const left = [...(this.#left.get(policy) ?? [])];
    return [
      ...(this.#missing.get(policy) ?? []).map((place) => `${place} is not there`),
      ...(left.length === 0 ? [] : [`older policies leave no room for it at ${left.slice(0, 5).join(', ')}`]),
    ];
  }

  /** Oldest first, once each. */
  #at(places: readonly string[]): (readonly [LocalRateLimitPolicy, string])[] {
    const found = places.flatMap((place) =>
      (this.#byTarget.get(place) ?? []).map((policy) => [policy, place] as const),
    );
    return found
      .filter(([policy]) => !this.#objections.has(policy))
      .sort(([a], [b]) => this.#policies.indexOf(a) - this.#policies.indexOf(b));
  }

  #add(sets: Map<LocalRateLimitPolicy, Set<string>>, policy: LocalRateLimitPolicy, value: string): void {
    const set = sets.get(policy) ?? new Set();
    set.add(value);
    sets.set(policy, set);
  }
}

function placeOf({ metadata }: LocalRateLimitPolicy, { kind, name }: LocalRateLimitTarget): string {
  return `${kind} ${metadata.namespace}/${name}`;
}

function isThere(
  { metadata }: LocalRateLimitPolicy,
  { kind, name }: LocalRateLimitTarget,
  model: Model,
  catalog: ServiceCatalog,
): boolean {
  const key = `${metadata.namespace}/${name}`;
  if (kind === 'Gateway') return model.gateways.has(key);
  return kind === 'ServiceEntry' ? catalog.hosts(key).length > 0 : catalog.service(key) !== undefined;
}

function ancestorOf(gateway: string): ParentReference {
  const [namespace = '', name = ''] = gateway.split('/');
  return { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace, name };
}

function orderOf({ namespace, name, target }: LocalRateLimit): string {
  return `${namespace}/${name} ${target}`;
}
