import { expect, it } from 'vitest';
import { fieldsOf, typeNames } from './field-table.ts';
import { isScalarName } from './scalars.ts';

it('no row stands in two tables', () => {
  expect(typeNames().filter((name, index, names) => names.indexOf(name) !== index)).toEqual([]);
});

it('every field of every row has a type that exists', () => {
  const rows = new Set(typeNames());
  for (const name of rows) {
    for (const { type, name: field } of fieldsOf(name).values()) {
      if (type.kind === 'object') expect(rows, `${name}.${field}`).toContain(type.name);
      if (type.kind === 'scalar' && !['anything', 'labels', 'annotations'].includes(type.name)) {
        expect(isScalarName(type.name), `${name}.${field}: ${type.name}`).toBe(true);
      }
    }
  }
});
