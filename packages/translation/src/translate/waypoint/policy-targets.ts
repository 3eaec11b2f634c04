import type { AuthorizationPolicy, PolicyTargetReference, RequestAuthentication } from '../../objects.ts';
import { targetsOf } from '../authorization-policy.ts';
import { type Condition, conditionOf } from '../condition.ts';
import { ineffectiveTokensCondition } from '../request-authentication.ts';
import type { MeshModel } from '../mesh-model.ts';
import type { TranslationSettings } from '../settings.ts';
import type { Authorizers } from './authorizers.ts';
import type { WaypointBinding } from './binding.ts';
import { WAYPOINT_CLASSES } from './deployed-names.ts';
import type { WaypointGateways } from './gateways.ts';
import type { WaypointPolicies } from './waypoint-policies.ts';
import type { WaypointPolicy } from './waypoint-policy.ts';

export interface PolicyTargetsParts {
  readonly model: MeshModel;
  readonly settings: TranslationSettings;
  readonly gateways: WaypointGateways;
  readonly policies: WaypointPolicies;
  readonly authorizers: Authorizers;
  /** Of Services and ServiceEntries, by `Kind namespace/name`; without one: none is asked for. */
  readonly bindings: ReadonlyMap<string, WaypointBinding>;
}

/** What became of one target. */
interface TargetFinding {
  readonly reason: 'Accepted' | 'AncestorNotBound' | 'Invalid' | 'TargetNotFound';
  readonly message: string;
}

/** Says of policies with targets by whom they are judged. */
export class PolicyTargets {
  readonly #parts: PolicyTargetsParts;

  constructor(parts: PolicyTargetsParts) {
    this.#parts = parts;
  }

  /** Empty for a policy without targets. */
  conditionsOf(policy: AuthorizationPolicy): Condition[] {
    const converted = this.#parts.policies.all.get(policy);
    return converted === undefined ? [] : [this.#conditionOf(policy, converted)];
  }

  /** Of whoever asks for tokens. */
  conditionsOfTokens(policy: RequestAuthentication): Condition[] {
    const ineffective = ineffectiveTokensCondition(policy);
    if (ineffective !== undefined) return [ineffective];
    const converted = this.#parts.policies.tokens.get(policy);
    if (converted === undefined) return [];
    const { obstacle } = converted;
    const refusal = obstacle === undefined ? undefined : `${obstacle}, so what it targets is served on no port`;
    return [this.#said(policy, refusal, '', 'Accepted')];
  }

  #conditionOf(policy: AuthorizationPolicy, converted: WaypointPolicy): Condition {
    const consequence = converted.enforced ? 'what it targets is served on no port' : 'nothing comes of it';
    const refusal = converted.message === undefined ? `${converted.obstacle ?? ''}, so ${consequence}` : undefined;
    const reason = converted.unsupported.length > 0 ? 'UnsupportedValue' : 'Accepted';
    const closed = this.#closedBy(policy);
    return this.#said(policy, refusal, remarksOf(policy, converted), reason, closed);
  }

  /** Why what a CUSTOM policy matches is refused without a question. */
  #closedBy(policy: AuthorizationPolicy): string | undefined {
    const { action, provider } = policy.spec;
    if (action !== 'CUSTOM') return undefined;
    return this.#parts.authorizers.problemOf(provider?.name ?? '') ?? this.#parts.policies.conflictOf(policy);
  }

  /** `refusal`: why nobody can go by it at all; `reason`: when all of its targets are there; `closed`: see `#closedBy`. */
  #said(
    policy: AuthorizationPolicy | RequestAuthentication,
    refusal: string | undefined,
    remarks: string,
    reason: 'Accepted' | 'UnsupportedValue',
    closed?: string,
  ): Condition {
    const findings = targetsOf(policy).map((target) => this.#find(policy, target));
    const accepted = findings.filter((finding) => finding.reason === 'Accepted');
    const targets = findings.map(({ message }) => message).join('; ');
    const said = (status: Condition['status'], why: string, message: string): Condition =>
      conditionOf(policy, 'WaypointAccepted', status, why, message);
    if (refusal !== undefined) return said('False', 'UnsupportedValue', `${refusal}; ${targets}`);
    if (accepted.length === 0) {
      const [first] = findings;
      const isOne = findings.every((finding) => finding.reason === first?.reason);
      return said('False', isOne ? (first?.reason ?? 'Invalid') : 'Invalid', `${targets}; no waypoint judges by it`);
    }
    const message = `${targets}${remarks}`;
    if (closed !== undefined) {
      return said('False', 'UnsupportedValue', `${closed}, so what its rules match is refused; ${message}`);
    }
    return said('True', accepted.length < findings.length ? 'PartiallyInvalid' : reason, message);
  }

  #find(
    { metadata: { namespace } }: AuthorizationPolicy | RequestAuthentication,
    { kind, name }: PolicyTargetReference,
  ): TargetFinding {
    switch (kind) {
      case 'Service':
        return this.#findService(kind, `${namespace}/${name}`, this.#parts.model.services);
      case 'ServiceEntry':
        return this.#findService(kind, `${namespace}/${name}`, this.#parts.model.serviceEntries);
      case 'Gateway':
        return this.#findGateway(`${namespace}/${name}`);
      case 'GatewayClass':
        return this.#findClass(namespace, name);
      default:
        return { reason: 'Invalid', message: `no policy can target ${kind} ${name}` };
    }
  }

  #findService(kind: string, key: string, objects: ReadonlyMap<string, unknown>): TargetFinding {
    if (!objects.has(key)) return { reason: 'TargetNotFound', message: `${kind} ${key} does not exist` };
    const binding = this.#parts.bindings.get(`${kind} ${key}`);
    if (binding === undefined) return { reason: 'AncestorNotBound', message: `${kind} ${key} is bound to no waypoint` };
    // Somebody else's waypoint, of which nobody knows whether it judges.
    const isForeign = binding.waypoint === undefined && binding.condition.reason === 'UnsupportedPolicy';
    if (binding.condition.status === 'False' || isForeign) {
      return { reason: 'AncestorNotBound', message: `${kind} ${key}: ${binding.condition.message}` };
    }
    return { reason: 'Accepted', message: `${kind} ${key}: ${binding.condition.message}` };
  }

  #findGateway(key: string): TargetFinding {
    const { model, gateways } = this.#parts;
    if (!model.gateways.has(key)) return { reason: 'TargetNotFound', message: `Gateway ${key} does not exist` };
    const waypoint = gateways.get(key);
    if (waypoint === undefined) return { reason: 'Invalid', message: `Gateway ${key} is no waypoint` };
    if (waypoint.refusal !== undefined) {
      return { reason: 'AncestorNotBound', message: `Gateway ${key} is not served (${waypoint.refusal.message})` };
    }
    if (waypoint.sandwich !== undefined) {
      return {
        reason: 'AncestorNotBound',
        message: `Gateway ${key} is sandwiched, and nobody knows whether it judges`,
      };
    }
    return { reason: 'Accepted', message: `Gateway ${key} judges all that it serves` };
  }

  #findClass(namespace: string, name: string): TargetFinding {
    const { rootNamespace } = this.#parts.settings;
    if (namespace !== rootNamespace) {
      return {
        reason: 'Invalid',
        message: `only policies of the namespace ${rootNamespace} can target GatewayClass ${name}`,
      };
    }
    if (!WAYPOINT_CLASSES.includes(name))
      return { reason: 'Invalid', message: `GatewayClass ${name} is none of waypoints` };
    return { reason: 'Accepted', message: `every waypoint of GatewayClass ${name} judges all that it serves` };
  }
}

/** What is enforced differently than written. */
function remarksOf({ spec }: AuthorizationPolicy, { message, enforced, unsupported }: WaypointPolicy): string {
  const watching = enforced ? '' : '; it is counted and logged, and changes nothing';
  if (unsupported.length === 0) return watching;
  const cannot = `; waypoints cannot judge ${unsupported.join(', ')}`;
  if (spec.action === 'CUSTOM') return `${cannot}: rules are judged without it, so more is asked about than written`;
  if (spec.action !== 'DENY') {
    const left = message?.rules.length === 0 ? 'none is left' : 'less matches than written';
    return `${cannot}: rules with it are left out, ${left}${watching}`;
  }
  const everything = message?.rules.some(({ clauses }) => clauses.length === 0) === true;
  return `${cannot}: rules are judged without it, ${everything ? 'and one of them denies everything' : 'so more is denied than written'}${watching}`;
}
