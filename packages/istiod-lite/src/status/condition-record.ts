import type { Condition } from '@ambit/translation/translate/condition';
import { MAX_CONDITION_MESSAGE } from '../limits.ts';
import { fieldUnder, textUnder } from '../watch/api-object.ts';

/** What a condition is to say; `generation` is that of the object that it is about. */
export interface ConditionFacts {
  readonly type: string;
  readonly status: 'False' | 'True' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly generation: number | undefined;
}

/** A condition as it stands in a status. */
export interface ConditionRecord {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  /** RFC 3339, of the last change of `status`. */
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

export function factsOf({ type, status, reason, message }: Condition, generation: number | undefined): ConditionFacts {
  return { type, status, reason, message, generation };
}

/** One per type: what several say of one type is said together, and one False makes it False. */
export function oncePerType(all: readonly ConditionFacts[]): ConditionFacts[] {
  const byType = new Map<string, ConditionFacts>();
  for (const facts of all) {
    const other = byType.get(facts.type);
    if (other === undefined) {
      byType.set(facts.type, facts);
      continue;
    }
    const leading = other.status === 'True' && facts.status === 'False' ? facts : other;
    const said = [...new Set([leading.message, other.message, facts.message])];
    byType.set(facts.type, { ...leading, message: said.join('; ') });
  }
  return [...byType.values()];
}

/** Facts as records: the time of the last transition is kept from before while the status is the same. */
export function recordsOf(all: readonly ConditionFacts[], before: readonly unknown[], now: number): ConditionRecord[] {
  return oncePerType(all).map(({ type, status, reason, message, generation }) => {
    const known = before.find((other) => textUnder(other, 'type') === type);
    const since = textUnder(known, 'status') === status ? textUnder(known, 'lastTransitionTime') : undefined;
    return {
      ...{ type, status, reason },
      message: message.length > MAX_CONDITION_MESSAGE ? `${message.slice(0, MAX_CONDITION_MESSAGE - 1)}…` : message,
      lastTransitionTime: since ?? timeText(now),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
  });
}

/** Whether a status says just this already: of the types given no more, no less and nothing else. */
export function saysAlready(
  before: readonly unknown[],
  records: readonly ConditionRecord[],
  types: readonly string[],
): boolean {
  const known = before.filter((other) => types.includes(textUnder(other, 'type') ?? ''));
  return (
    known.length === records.length &&
    records.every((record) => {
      const other = known.find((candidate) => textUnder(candidate, 'type') === record.type);
      return (
        textUnder(other, 'status') === record.status &&
        textUnder(other, 'reason') === record.reason &&
        textUnder(other, 'message') === record.message &&
        fieldUnder(other, 'observedGeneration') === record.observedGeneration
      );
    })
  );
}

/** RFC 3339 with seconds, as metav1.Time is written. */
function timeText(now: number): string {
  return `${new Date(now).toISOString().slice(0, 19)}Z`;
}
