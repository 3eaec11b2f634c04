import { AmbitError } from '@ambit/core/errors';
import { ENTRY_FIELDS } from './entry-fields.ts';
import { GATEWAY_FIELDS } from './gateway-fields.ts';
import { ISTIO_FIELDS } from './istio-fields.ts';
import { KUBERNETES_FIELDS } from './kubernetes-fields.ts';
import { RATE_LIMIT_FIELDS } from './rate-limit-fields.ts';
import { TELEMETRY_FIELDS } from './telemetry-fields.ts';
import { TRAFFIC_FIELDS } from './traffic-fields.ts';

/**
 * How a field is written in a table: `name:type`, then what of `[]`, `[16]` (list, at most 16 items), `{}` (map from
 * text) and `!` (required) applies. A type with an upper-case first letter is another row of the tables, one with `|`
 * an enumeration, every other one a scalar of scalars.ts.
 */
export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly shape: 'list' | 'map' | 'single';
  /** Items of a list; Infinity when only the size of the object bounds it. */
  readonly maxItems: number;
  readonly required: boolean;
}

export type FieldType =
  | { readonly kind: 'enumeration'; readonly values: readonly string[] }
  | { readonly kind: 'object'; readonly name: string }
  | { readonly kind: 'scalar'; readonly name: string };

/** No two have a row of the same name. */
const TABLES = [
  KUBERNETES_FIELDS,
  ISTIO_FIELDS,
  GATEWAY_FIELDS,
  TRAFFIC_FIELDS,
  ENTRY_FIELDS,
  TELEMETRY_FIELDS,
  RATE_LIMIT_FIELDS,
] as const;

const parsed = new Map<string, ReadonlyMap<string, Field>>();

/** The fields of a row. Throws `AMBIT_FIELD_TABLE` for a row that no table has. */
export function fieldsOf(typeName: string): ReadonlyMap<string, Field> {
  const known = parsed.get(typeName);
  if (known !== undefined) return known;
  const row = rowOf(typeName);
  if (row === undefined) throw new AmbitError('AMBIT_FIELD_TABLE', `no field table has a row ${typeName}`);
  const fields = new Map(row.split(' ').map((text) => [text.slice(0, text.indexOf(':')), parseField(text)]));
  parsed.set(typeName, fields);
  return fields;
}

/** The names of all rows. */
export function typeNames(): string[] {
  return TABLES.flatMap((table) => Object.keys(table));
}

function rowOf(typeName: string): string | undefined {
  return TABLES.find((table) => Object.hasOwn(table, typeName))?.[typeName];
}

function parseField(text: string): Field {
  const match = /^([^:]+):([^[\]{}!]+)(\[([0-9]*)\]|\{\})?(!)?$/.exec(text);
  if (match === null) throw new AmbitError('AMBIT_FIELD_TABLE', `${JSON.stringify(text)} is not a field`);
  const [, name = '', type = '', suffix = '', maximum = '', mark = ''] = match;
  return {
    name,
    type: parseType(type),
    shape: suffix === '' ? 'single' : suffix === '{}' ? 'map' : 'list',
    maxItems: maximum === '' ? Number.POSITIVE_INFINITY : Number(maximum),
    required: mark !== '',
  };
}

function parseType(text: string): FieldType {
  if (text.includes('|')) return { kind: 'enumeration', values: text.split('|') };
  return { kind: /^[A-Z]/.test(text) ? 'object' : 'scalar', name: text };
}
