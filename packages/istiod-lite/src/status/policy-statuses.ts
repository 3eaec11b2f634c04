import type { Model } from '@ambit/translation/model';
import type { Metadata } from '@ambit/translation/objects';
import { WAYPOINT_CONTROLLER } from '@ambit/translation/translate/waypoint/deployed-names';
import { type ConditionFacts, factsOf } from './condition-record.ts';
import type { DesiredParent, DesiredStatus } from './desired-status.ts';
import type { FactsByObject } from './facts-by-object.ts';

/** The statuses of policies that tell them waypoint by waypoint; one that no waypoint serves has none of ours. */
export function policyStatuses(model: Model, facts: FactsByObject): DesiredStatus[] {
  return [
    ...statusesOf('BackendTLSPolicy', model.backendTlsPolicies, facts),
    ...statusesOf('LocalRateLimitPolicy', model.localRateLimitPolicies, facts),
  ];
}

function statusesOf(
  kind: 'BackendTLSPolicy' | 'LocalRateLimitPolicy',
  policies: ReadonlyMap<string, { readonly metadata: Metadata }>,
  facts: FactsByObject,
): DesiredStatus[] {
  return Array.from(policies, ([name, { metadata }]): DesiredStatus => {
    const refused = facts.refusal(kind, name);
    const parents = new Map<string, DesiredParent>();
    for (const condition of facts.conditions(kind, name)) {
      const { parent, type } = condition;
      if (parent === undefined) continue;
      const said: ConditionFacts =
        refused === undefined || type !== 'Accepted'
          ? factsOf(condition, metadata.generation)
          : { ...REFUSED, message: refused.message, generation: refused.generation };
      const key = JSON.stringify(parent);
      const known = parents.get(key)?.conditions ?? [];
      parents.set(key, { parentRef: parent, conditions: [...known, said] });
    }
    return { shape: 'ancestors', kind, name, fieldManager: WAYPOINT_CONTROLLER, parents: [...parents.values()] };
  });
}

const REFUSED = { type: 'Accepted', status: 'False', reason: 'Invalid' } as const;
