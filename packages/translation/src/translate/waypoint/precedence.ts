import { type Metadata, objectName } from '../../objects.ts';

/** How specific a match is: compared number by number, the larger one goes first. */
export type Specificity = readonly number[];

/** A match of a rule of a route object, to be put in order with those of others. */
export interface Ranked {
  readonly specificity: Specificity;
  readonly metadata: Metadata;
}

/** Gateway API: the more specific match, else that of the older object, else by name. Equal ones keep their order. */
export function compareRanked(a: Ranked, b: Ranked): number {
  for (const [index, value] of a.specificity.entries()) {
    const difference = (b.specificity[index] ?? 0) - value;
    if (difference !== 0) return difference;
  }
  return compareAge(a.metadata, b.metadata);
}

/** Older objects first, those of unknown age last, then by `namespace/name`. */
export function compareAge(a: Metadata, b: Metadata): number {
  const [created, other] = [createdAt(a), createdAt(b)];
  if (created !== other) return created < other ? -1 : 1;
  const [name, otherName] = [objectName(a), objectName(b)];
  return name === otherName ? 0 : name < otherName ? -1 : 1;
}

function createdAt({ creationTimestamp }: Metadata): number {
  return creationTimestamp === undefined ? Number.POSITIVE_INFINITY : Date.parse(creationTimestamp);
}
