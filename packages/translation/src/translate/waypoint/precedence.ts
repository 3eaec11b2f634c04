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
  return compareKeys(ageKey(a), ageKey(b));
}

/** In the order of `compareAge`. */
export function sortedByAge<T extends { readonly metadata: Metadata }>(objects: readonly T[]): T[] {
  return objects
    .map((object) => ({ object, key: ageKey(object.metadata) }))
    .sort((a, b) => compareKeys(a.key, b.key))
    .map(({ object }) => object);
}

interface AgeKey {
  readonly created: number;
  readonly name: string;
}

function ageKey(metadata: Metadata): AgeKey {
  const { creationTimestamp } = metadata;
  const created = creationTimestamp === undefined ? Number.POSITIVE_INFINITY : Date.parse(creationTimestamp);
  return { created, name: objectName(metadata) };
}

function compareKeys(a: AgeKey, b: AgeKey): number {
  if (a.created !== b.created) return a.created < b.created ? -1 : 1;
  return a.name === b.name ? 0 : a.name < b.name ? -1 : 1;
}
