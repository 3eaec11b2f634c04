import { objectName } from '../../objects.ts';
import type { VirtualService } from '../../traffic-objects.ts';
import { type Condition, conditionOf } from '../condition.ts';

/** What became of a VirtualService, as far as it was looked at. */
export interface VirtualOutcome {
  used: boolean;
  /** The objects that delegate to it and are in force. */
  readonly through: Set<string>;
  /** What others decide instead, a sentence each. */
  readonly conflicts: Set<string>;
  /** By message, each once. */
  readonly references: Map<string, { readonly reason: string; readonly message: string }>;
}

export function emptyOutcome(): VirtualOutcome {
  return { used: false, through: new Set(), conflicts: new Set(), references: new Map() };
}

/** The conditions of an object that is not refused. `unused`: reason and message when nothing enforces it. */
export function outcomeConditions(
  object: VirtualService,
  { used, through, conflicts, references }: VirtualOutcome,
  remarks: readonly string[],
  unused: () => readonly [string, string],
): Condition[] {
  const problems = [...references.values()];
  const [first] = problems;
  const resolved =
    first === undefined
      ? []
      : [conditionOf(object, 'ResolvedRefs', 'False', first.reason, listed(problems.map(({ message }) => message)))];
  return [accepted(), ...resolved];

  function accepted(): Condition {
    const status = used ? 'True' : 'False';
    if (conflicts.size > 0) {
      return conditionOf(object, 'WaypointAccepted', status, 'Conflicted', listed([...conflicts]));
    }
    if (!used) return conditionOf(object, 'WaypointAccepted', status, ...unused());
    const way = through.size === 0 ? '' : `, through VirtualService ${[...through].join(', ')}`;
    const message = listed([`enforced by waypoints${way}`, ...remarks]);
    return conditionOf(object, 'WaypointAccepted', status, 'Accepted', message);
  }
}

/** Sentences that a condition shows; the rest is counted. */
const MAX_LISTED = 5;

export function listed(sentences: readonly string[]): string {
  const more = sentences.length > MAX_LISTED ? `; and ${sentences.length - MAX_LISTED} more` : '';
  return sentences.slice(0, MAX_LISTED).join('; ') + more;
}

/** Notes that a route of an object is in force, for one that is delegated to with the object that delegates. */
export function noteUse(outcome: VirtualOutcome, root: VirtualService, from: VirtualService): void {
  outcome.used = true;
  if (root !== from) outcome.through.add(objectName(root.metadata));
}
