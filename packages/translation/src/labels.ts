import type { Texts } from './objects.ts';

/** The value under a key that the map itself has; undefined otherwise. */
export function valueOf(texts: Texts | undefined, key: string): string | undefined {
  return texts !== undefined && Object.hasOwn(texts, key) ? texts[key] : undefined;
}

/** Whether every label of a selector is on an object. An empty selector selects everything. */
export function selects(selector: Texts, labels: Texts | undefined): boolean {
  return Object.entries(selector).every(([key, value]) => valueOf(labels, key) === value);
}
