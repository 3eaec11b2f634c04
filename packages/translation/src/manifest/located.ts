import type { Position } from './problem.ts';

/** A value of a manifest that knows where it was written; keys are text, duplicates and aliases are resolved. */
export type Located = LocatedMap | LocatedList | LocatedScalar;

export interface LocatedMap {
  readonly kind: 'map';
  readonly position: Position;
  readonly entries: readonly LocatedEntry[];
}

export interface LocatedEntry {
  readonly key: string;
  readonly keyPosition: Position;
  readonly value: Located;
}

export interface LocatedList {
  readonly kind: 'list';
  readonly position: Position;
  readonly items: readonly Located[];
}

export interface LocatedScalar {
  readonly kind: 'scalar';
  readonly position: Position;
  readonly value: boolean | number | string | null;
  /** As written, for values without quotes; undefined for quoted and block text. */
  readonly plain: string | undefined;
}

/** One document of a file. */
export interface LocatedDocument {
  readonly root: Located;
  /** Bytes that the document takes in the file. */
  readonly size: number;
}

/** The value under a key; undefined when the node is no map or has no such key. */
export function entryOf(node: Located | undefined, key: string): Located | undefined {
  if (node?.kind !== 'map') return undefined;
  return node.entries.find((entry) => entry.key === key)?.value;
}

/** The text under a key; undefined when it is anything else. */
export function textOf(node: Located | undefined, key: string): string | undefined {
  const value = entryOf(node, key);
  return value?.kind === 'scalar' && typeof value.value === 'string' ? value.value : undefined;
}
