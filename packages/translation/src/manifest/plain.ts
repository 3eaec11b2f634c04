import type { Located } from './located.ts';
import { parseYaml } from './yaml.ts';

/** Plain JSON, whose objects have no prototype, so that no key means anything special. */
export type Plain = boolean | number | string | null | readonly Plain[] | PlainObject;

export interface PlainObject {
  readonly [key: string]: Plain;
}

/** A located value as plain JSON, unchecked. */
export function toPlain(node: Located): Plain {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map((item) => toPlain(item));
  const result = Object.create(null) as Record<string, Plain>;
  for (const { key, value } of node.entries) result[key] = toPlain(value);
  return result;
}

/**
 * One YAML document as plain JSON, read as strictly as manifests; null when it is empty. `problem` says why it cannot be
 * read, with the line.
 */
export function plainYaml(text: string): { readonly value: Plain } | { readonly problem: string } {
  const parsed = parseYaml(text);
  if (parsed.kind === 'refused') {
    const said = parsed.problems.map(({ position, message }) => `line ${position.line}: ${message}`);
    return { problem: said.join('; ') };
  }
  const [document, ...more] = parsed.documents;
  if (more.length > 0) return { problem: 'it holds several documents' };
  return { value: document === undefined ? null : toPlain(document.root) };
}
