import { METRIC_TAG_SETS, METRIC_TAG_CHARACTERS } from './limits.ts';
import type { MetricFamily } from './metric-family.ts';
import type { Sample } from './snapshot.ts';

/** How one family is told otherwise than by itself; plain data. */
export interface MetricShape {
  /** Name of the family. */
  readonly family: string;
  readonly disabled: boolean;
  readonly removed: readonly string[];
  /** Labels that replace one of the family, or stand behind them; `value` is the index of their value in a set of tags. */
  readonly labels: readonly { readonly name: string; readonly value: number }[];
}

/** The values of the labels of some shapes, as a series is told by them. */
export interface MetricTags {
  readonly shapes: readonly MetricShape[];
  readonly values: readonly string[];
}

/** In place of values that would be too many. */
const OTHER = 'other';

/**
 * Shapes, and the sets of values under which they have been counted: of values that requests choose there may be any number, so
 * only the first `METRIC_TAG_SETS` sets count for themselves.
 */
export class MetricShaping {
  readonly #shapes: readonly MetricShape[];
  readonly #known = new Map<string, MetricTags>();
  #others: MetricTags | undefined;

  constructor(shapes: readonly MetricShape[]) {
    this.#shapes = shapes;
  }

  /** The same object for the same values. */
  tags(values: readonly string[]): MetricTags {
    const cut = values.map((value) => value.slice(0, METRIC_TAG_CHARACTERS));
    const key = cut.join('\u0000');
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= METRIC_TAG_SETS) {
      this.#others ??= { shapes: this.#shapes, values: cut.map(() => OTHER) };
      return this.#others;
    }
    const tags = { shapes: this.#shapes, values: cut };
    this.#known.set(key, tags);
    return tags;
  }
}

/** A sample of a family under tags; undefined: it is not told. */
export function shapedSample(
  { name, labels: names }: MetricFamily,
  labels: readonly string[],
  values: readonly number[],
  tags: MetricTags | undefined,
): Sample | undefined {
  const shape = tags?.shapes.find(({ family }) => family === name);
  if (tags === undefined || shape === undefined) return { labels, values };
  if (shape.disabled) return undefined;
  const set = new Map(names.map((label, index) => [label, labels[index] ?? '']));
  for (const removed of shape.removed) set.delete(removed);
  for (const { name: label, value } of shape.labels) set.set(label, tags.values[value] ?? '');
  return { names: [...set.keys()], labels: [...set.values()], values };
}
