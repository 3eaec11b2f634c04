import type { LabelSelector, Texts } from './objects.ts';

/** The value under a key that the map itself has; undefined otherwise. */
export function valueOf(texts: Texts | undefined, key: string): string | undefined {
  return texts !== undefined && Object.hasOwn(texts, key) ? texts[key] : undefined;
}

/** Whether every label of a selector is on an object. An empty selector selects everything. */
export function selects(selector: Texts, labels: Texts | undefined): boolean {
  return Object.entries(selector).every(([key, value]) => valueOf(labels, key) === value);
}

/** Whether a selector of the Kubernetes API holds for labels. An empty selector holds for all. */
export function selectorHolds(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: Texts | undefined,
): boolean {
  return (
    selects(matchLabels, labels) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = valueOf(labels, key);
      switch (operator) {
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
      }
    })
  );
}
