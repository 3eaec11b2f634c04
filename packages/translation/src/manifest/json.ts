import { MAX_DEPTH, MAX_NODES_PER_FILE } from '../limits.ts';
import type { Located } from './located.ts';
import { NOWHERE } from './problem.ts';

/** A JSON value in the form that checks take; undefined for one that is nested too deeply, too large, or no JSON. */
export function locatedJson(value: unknown): Located | undefined {
  let nodes = 0;
  const convert = (inner: unknown, depth: number): Located => {
    if (depth > MAX_DEPTH || ++nodes > MAX_NODES_PER_FILE) throw new RangeError();
    if (Array.isArray(inner)) {
      return { kind: 'list', position: NOWHERE, items: inner.map((item: unknown) => convert(item, depth + 1)) };
    }
    if (typeof inner === 'object' && inner !== null) {
      const entries = Object.entries(inner)
        .filter(([, entry]) => entry !== undefined)
        .map(([key, entry]: [string, unknown]) => ({
          key,
          keyPosition: NOWHERE,
          value: convert(entry, depth + 1),
        }));
      return { kind: 'map', position: NOWHERE, entries };
    }
    if (inner === null || typeof inner === 'string' || typeof inner === 'number' || typeof inner === 'boolean') {
      return { kind: 'scalar', position: NOWHERE, value: inner, plain: undefined };
    }
    throw new RangeError();
  };
  try {
    return convert(value, 0);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
