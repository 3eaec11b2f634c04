import { type Values, asMap, isMap } from './charts.ts';

/** One value: where it stands, and what it is. */
export interface ValueAt {
  readonly path: readonly string[];
  readonly value: unknown;
}

/**
 * The values of a chart that a schema knows one by one: maps whose keys it lists are gone into, all others are one value.
 */
export function valuesBySchema(values: Values, schema: Values, path: readonly string[] = []): ValueAt[] {
  const properties = isMap(schema['properties']) ? schema['properties'] : {};
  return Object.entries(values).flatMap(([key, value]) => {
    const below = properties[key];
    const here = [...path, key];
    if (isMap(value) && isMap(below) && isMap(below['properties'])) return valuesBySchema(value, below, here);
    return [{ path: here, value }];
  });
}

/** Paths of everything that a schema lists, `a.b`; keys of free maps are not listed. */
export function pathsOfSchema(schema: Values, path: readonly string[] = []): string[] {
  if (!isMap(schema['properties'])) return [path.join('.')];
  return Object.entries(schema['properties']).flatMap(([key, below]) =>
    pathsOfSchema(asMap(below, key), [...path, key]),
  );
}

/** A map that holds only this value. */
export function alone({ path, value }: ValueAt): Values {
  return asMap(
    path.reduceRight((inner: unknown, key) => ({ [key]: inner }), value),
    path.join('.'),
  );
}

/** The map without what stands at the path. */
export function without(values: Values, [key = '', ...rest]: readonly string[]): Values {
  const { [key]: value, ...others } = values;
  return rest.length === 0 ? others : { ...others, [key]: without(asMap(value, key), rest) };
}
