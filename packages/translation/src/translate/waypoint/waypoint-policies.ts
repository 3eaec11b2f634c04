import {
  type AuthorizationPolicy as PolicyMessage,
  AuthorizationPolicySchema,
  PolicyAction,
  type TokenRule,
  TokenRuleSchema,
} from '@ambit/proto/waypoint';
import { MAX_POLICY_PATTERNS, MAX_TOKEN_RULES } from '@ambit/traffic/limits';
import { patternsOf } from '@ambit/traffic/model/read-authorization';
import { toBinary } from '@bufbuild/protobuf';
import { MAX_POLICY_BYTES } from '../../limits.ts';
import type { AuthorizationPolicy, RequestAuthentication } from '../../objects.ts';
import { objectName } from '../../objects.ts';
import { targetsOf } from '../authorization-policy.ts';
import type { MeshModel } from '../mesh-model.ts';
import { asksForTokens } from '../request-authentication.ts';
import type { TranslationSettings } from '../settings.ts';
import { conflictOf, providersOf } from './authorizers.ts';
import { convertTokenRules, type TokenPolicy } from './token-rules.ts';
import { convertWaypointPolicy, type WaypointPolicy } from './waypoint-policy.ts';

/** What waits at a waypoint for an object. */
export interface Judgement {
  /** Something there changes what passes. */
  readonly enforced: boolean;
  /** Something of it no waypoint can judge, so that nothing may pass. */
  readonly closed: boolean;
  /** Sorted by namespace and name; empty when it is closed. */
  readonly policies: readonly PolicyMessage[];
  /** By the names of their objects, then as written; empty when it is closed. */
  readonly tokenRules: readonly TokenRule[];
}

export const NO_JUDGEMENT: Judgement = { enforced: false, closed: false, policies: [], tokenRules: [] };

const CLOSED: Judgement = { enforced: true, closed: true, policies: [], tokenRules: [] };

/** The policies with targets, by what they target. */
export class WaypointPolicies {
  readonly #all = new Map<AuthorizationPolicy, WaypointPolicy>();
  /** `namespace/Kind/name`; classes without namespace. */
  readonly #byTarget = new Map<string, WaypointPolicy[]>();
  readonly #tokenPolicies = new Map<RequestAuthentication, TokenPolicy>();
  /** Likewise. */
  readonly #tokensByTarget = new Map<string, TokenPolicy[]>();
  readonly #judgements = new Map<string, Judgement>();
  /** Why a CUSTOM policy, `namespace/name`, asks nobody somewhere. */
  readonly #conflicts = new Map<string, string>();

  constructor(model: MeshModel, settings: TranslationSettings) {
    for (const policy of model.authorizationPolicies.values()) {
      if (targetsOf(policy).length === 0) continue;
      const converted = convertWaypointPolicy(policy);
      this.#all.set(policy, converted);
      for (const target of placesOf(policy, settings)) {
        this.#byTarget.set(target, [...(this.#byTarget.get(target) ?? []), converted]);
      }
    }
    for (const policy of model.requestAuthentications.values()) {
      if (!asksForTokens(policy) || targetsOf(policy).length === 0) continue;
      const converted = convertTokenRules(policy);
      this.#tokenPolicies.set(policy, converted);
      for (const target of placesOf(policy, settings)) {
        this.#tokensByTarget.set(target, [...(this.#tokensByTarget.get(target) ?? []), converted]);
      }
    }
  }

  /** Those that have targets and ask for something, with what they mean. */
  get tokens(): ReadonlyMap<RequestAuthentication, TokenPolicy> {
    return this.#tokenPolicies;
  }

  /** Those that have targets, with what they mean. */
  get all(): ReadonlyMap<AuthorizationPolicy, WaypointPolicy> {
    return this.#all;
  }

  /** Why a CUSTOM policy lets nothing through for something that it targets. Known when all judgements are made. */
  conflictOf({ metadata }: AuthorizationPolicy): string | undefined {
    return this.#conflicts.get(objectName(metadata));
  }

  /** What policies say of an object by itself, its waypoint (`namespace/name`), and the class of that. */
  of(
    { kind, metadata }: { kind: string; metadata: { namespace: string; name: string } },
    waypoint: string,
    classes: readonly string[],
  ): Judgement {
    const [namespace = '', name = ''] = waypoint.split('/');
    const places = [
      `${metadata.namespace}/${kind}/${metadata.name}`,
      `${namespace}/Gateway/${name}`,
      ...classes.map((gatewayClass) => `GatewayClass/${gatewayClass}`),
    ].filter((place) => this.#byTarget.has(place) || this.#tokensByTarget.has(place));
    if (places.length === 0) return NO_JUDGEMENT;
    const key = places.join(' ');
    const known = this.#judgements.get(key) ?? this.#judge(places);
    this.#judgements.set(key, known);
    return known;
  }

  #judge(places: readonly string[]): Judgement {
    const tokens = [...new Set(places.flatMap((place) => this.#tokensByTarget.get(place) ?? []))];
    if (tokens.some(({ obstacle }) => obstacle !== undefined)) return CLOSED;
    const tokenRules = sortedRules(tokens);
    if (tokenRules.length > MAX_TOKEN_RULES || sumOf(tokenRules, bytesOfRule) > MAX_POLICY_BYTES) return CLOSED;
    const found = [...new Set(places.flatMap((place) => this.#byTarget.get(place) ?? []))];
    if (found.some(({ message, enforced }) => message === undefined && enforced)) return CLOSED;
    const policies = found
      .flatMap(({ message }) => message ?? [])
      .sort((a, b) => (objectName(a) < objectName(b) ? -1 : 1));
    const conflict = conflictOf(providersOf(policies));
    if (conflict !== undefined) {
      for (const policy of policies) {
        if (policy.action === PolicyAction.CUSTOM) this.#conflicts.set(objectName(policy), conflict);
      }
    }
    // A waypoint would refuse the resource, and one that has an older version would go on by that.
    if (sumOf(policies, patternsOf) > MAX_POLICY_PATTERNS || sumOf(policies, bytesOf) > MAX_POLICY_BYTES) return CLOSED;
    const enforced = tokenRules.length > 0 || found.some((policy) => policy.enforced);
    return { enforced, closed: false, policies, tokenRules };
  }
}

function sumOf<Item>(items: readonly Item[], count: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + count(item), 0);
}

/** Those of one object stay in their order. */
function sortedRules(tokens: readonly TokenPolicy[]): TokenRule[] {
  return tokens
    .flatMap(({ rules }) => rules)
    .sort((a, b) => (a.policy === b.policy ? 0 : a.policy < b.policy ? -1 : 1));
}

function bytesOfRule(rule: TokenRule): number {
  return toBinary(TokenRuleSchema, rule).length;
}

function bytesOf(policy: PolicyMessage): number {
  return toBinary(AuthorizationPolicySchema, policy).length;
}

/** Under which its targets are looked up. */
function placesOf(
  policy: AuthorizationPolicy | RequestAuthentication,
  { rootNamespace }: TranslationSettings,
): string[] {
  const { namespace } = policy.metadata;
  return targetsOf(policy).flatMap(({ kind, name }) => {
    if (kind !== 'GatewayClass') return [`${namespace}/${kind}/${name}`];
    // One namespace must not speak for the waypoints of all others.
    return namespace === rootNamespace ? [`GatewayClass/${name}`] : [];
  });
}
