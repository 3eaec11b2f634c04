import { MAX_ANNOTATION_BYTES, MAX_PROBLEMS_PER_FILE } from '../limits.ts';
import type { Located, LocatedMap, LocatedScalar } from '../manifest/located.ts';
import { type Plain, type PlainObject, toPlain } from '../manifest/plain.ts';
import { type Position, quoted } from '../manifest/problem.ts';
import { type Field, fieldsOf } from './field-table.ts';
import { isLabelValue, isQualifiedName } from './formats.ts';
import { describeScalar, readScalar } from './scalars.ts';
import { suggestionFor } from './suggestion.ts';

export interface Finding {
  readonly position: Position;
  readonly path: string;
  readonly message: string;
  readonly cause?: string;
}

/** Where the findings of one object are gathered. */
export interface Findings {
  /** Somebody else has checked the object by newer tables: see `FindingList`. */
  readonly tolerant: boolean;
  report(position: Position, path: string, message: string, cause?: string): void;
  /** What follows is about one optional field. */
  inOptionalField<T>(check: (findings: Findings) => T): T | undefined;
}

/**
 * Findings of one object, at most as many as a file may report. When `tolerant`, unknown fields are left out without a
 * word, and a wrong value leaves out the innermost optional field that holds it and stands in `tolerated`; labels and
 * annotations, by which others select, are never left out.
 */
export class FindingList implements Findings {
  readonly list: Finding[] = [];
  readonly tolerated: Finding[] = [];
  readonly tolerant: boolean;

  constructor(options: { readonly tolerant?: boolean } = {}) {
    this.tolerant = options.tolerant ?? false;
  }

  report(position: Position, path: string, message: string, cause?: string): void {
    if (this.list.length >= MAX_PROBLEMS_PER_FILE) return;
    this.list.push({ position, path, message, ...(cause === undefined ? {} : { cause }) });
  }

  inOptionalField<T>(check: (findings: Findings) => T): T | undefined {
    const inner = new FindingList({ tolerant: true });
    const result = check(inner);
    this.tolerated.push(...inner.tolerated.slice(0, MAX_PROBLEMS_PER_FILE - this.tolerated.length));
    if (inner.list.length === 0) return result;
    this.tolerated.push(...inner.list.slice(0, MAX_PROBLEMS_PER_FILE - this.tolerated.length));
    return undefined;
  }
}

/**
 * Checks a value against a row of the field tables and gives it back as plain JSON. Everything wrong is reported;
 * the value is only good to use when nothing was.
 */
export function checkObject(typeName: string, node: Located, path: string, findings: Findings): PlainObject {
  const result = emptyObject();
  if (node.kind !== 'map') {
    findings.report(node.position, path, `${describe(node)} is not a map of fields`);
    return result;
  }
  const fields = fieldsOf(typeName);
  for (const { key, keyPosition, value } of node.entries) {
    const place = join(path, key);
    const field = fields.get(key);
    if (field === undefined) {
      if (findings.tolerant) continue;
      const suggestion = suggestionFor(key, fields.keys());
      const cause = suggestion === undefined ? undefined : `did you mean ${suggestion}?`;
      findings.report(keyPosition, place, `unknown field ${quoted(key)}`, cause);
      continue;
    }
    if (isNull(value)) {
      // What Go writes for a list without items.
      if (findings.tolerant && field.required && field.shape === 'list') result[key] = [];
      continue;
    }
    const checked =
      findings.tolerant && !field.required && !isSelectable(field)
        ? findings.inOptionalField((inner) => checkField(field, value, place, inner))
        : checkField(field, value, place, findings);
    if (checked !== undefined) result[key] = checked;
  }
  for (const field of fields.values()) {
    if (result[field.name] !== undefined) continue;
    if (field.required && !node.entries.some((entry) => entry.key === field.name && !isNull(entry.value))) {
      findings.report(node.position, join(path, field.name), 'is required and missing');
    }
  }
  return result;
}

/** By what others select: leaving it out would take an object out of a policy. */
function isSelectable({ type }: Field): boolean {
  return type.kind === 'scalar' && (type.name === 'labels' || type.name === 'annotations');
}

function checkField(field: Field, node: Located, path: string, findings: Findings): Plain | undefined {
  if (field.shape === 'list') return checkList(field, node, path, findings);
  if (field.shape === 'map') {
    if (node.kind !== 'map') {
      findings.report(node.position, path, `${describe(node)} is not a map`);
      return undefined;
    }
    const result = emptyObject();
    for (const entry of node.entries) {
      const checked = checkValue(field, entry.value, join(path, entry.key), findings);
      if (checked !== undefined) result[entry.key] = checked;
    }
    return result;
  }
  return checkValue(field, node, path, findings);
}

function checkList(field: Field, node: Located, path: string, findings: Findings): Plain | undefined {
  if (node.kind !== 'list') {
    findings.report(node.position, path, `${describe(node)} is not a list`, 'write each item after a hyphen');
    return undefined;
  }
  if (node.items.length > field.maxItems) {
    findings.report(node.position, path, `${node.items.length} items are more than the ${field.maxItems} allowed`);
    return undefined;
  }
  const items: Plain[] = [];
  node.items.forEach((item, index) => {
    const checked = checkValue(field, item, `${path}[${index}]`, findings);
    if (checked !== undefined) items.push(checked);
  });
  return items;
}

function checkValue(field: Field, node: Located, path: string, findings: Findings): Plain | undefined {
  const { type } = field;
  if (type.kind === 'object') return checkObject(type.name, node, path, findings);
  if (type.kind === 'scalar') {
    if (type.name === 'anything') return toPlain(node);
    if (type.name === 'labels') return checkLabels(node, path, findings);
    if (type.name === 'annotations') return checkAnnotations(node, path, findings);
  }
  if (node.kind !== 'scalar' || node.value === null) {
    findings.report(node.position, path, `${describe(node)} stands where a single value is expected`);
    return undefined;
  }
  return type.kind === 'enumeration'
    ? checkEnumeration(type.values, node, path, findings)
    : checkScalar(type.name, node, path, findings);
}

function checkEnumeration(
  values: readonly string[],
  node: LocatedScalar,
  path: string,
  findings: Findings,
): Plain | undefined {
  if (typeof node.value === 'string' && values.includes(node.value)) return node.value;
  const suggestion = typeof node.value === 'string' ? suggestionFor(node.value, values) : undefined;
  const alternatives = `one of ${values.join(', ')}`;
  const cause = suggestion === undefined ? undefined : `did you mean ${suggestion}?`;
  findings.report(node.position, path, `${describeScalar(node)} is not ${alternatives}`, cause);
  return undefined;
}

function checkScalar(name: string, node: LocatedScalar, path: string, findings: Findings): Plain | undefined {
  const reading = readScalar(name, node);
  if (reading.ok) return reading.value;
  findings.report(node.position, path, reading.message, reading.cause);
  return undefined;
}

function checkLabels(node: Located, path: string, findings: Findings): Plain | undefined {
  return checkTexts(node, path, findings, (entry, value, place) => {
    if (!isQualifiedName(entry.key)) {
      findings.report(
        entry.keyPosition,
        place,
        `${quoted(entry.key)} is not the key of a label`,
        'a name, or dns.name/name',
      );
    }
    if (!isLabelValue(value)) {
      findings.report(
        entry.value.position,
        place,
        `${quoted(value)} is not the value of a label`,
        'at most 63 letters, digits and inner - _ .',
      );
    }
  });
}

function checkAnnotations(node: Located, path: string, findings: Findings): Plain | undefined {
  let bytes = 0;
  const result = checkTexts(node, path, findings, (entry, value, place) => {
    bytes += Buffer.byteLength(entry.key) + Buffer.byteLength(value);
    if (!isQualifiedName(entry.key.toLowerCase())) {
      findings.report(
        entry.keyPosition,
        place,
        `${quoted(entry.key)} is not the key of an annotation`,
        'a name, or dns.name/name',
      );
    }
  });
  if (bytes > MAX_ANNOTATION_BYTES) {
    findings.report(
      node.position,
      path,
      `annotations take ${bytes} bytes, more than the ${MAX_ANNOTATION_BYTES} allowed`,
    );
  }
  return result;
}

function checkTexts(
  node: Located,
  path: string,
  findings: Findings,
  check: (entry: LocatedMap['entries'][number], value: string, place: string) => void,
): Plain | undefined {
  if (node.kind !== 'map') {
    findings.report(node.position, path, `${describe(node)} is not a map of texts`);
    return undefined;
  }
  const result = emptyObject();
  for (const entry of node.entries) {
    const place = join(path, entry.key);
    if (entry.value.kind !== 'scalar') {
      findings.report(entry.value.position, place, `${describe(entry.value)} is not text`);
      continue;
    }
    const reading = entry.value.value === null ? { ok: true as const, value: '' } : readScalar('string', entry.value);
    if (!reading.ok) {
      findings.report(entry.value.position, place, reading.message, reading.cause);
      continue;
    }
    const value = String(reading.value);
    check(entry, value, place);
    result[entry.key] = value;
  }
  return result;
}

/** `metadata.labels["a.b/c"]`: keys that are no simple names stand in brackets. */
function join(path: string, key: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_-]{0,100}$/.test(key)) return `${path}[${quoted(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

function describe(node: Located): string {
  if (node.kind === 'scalar') return node.value === null ? 'an empty value' : describeScalar(node);
  return node.kind === 'list' ? 'a list' : 'a map';
}

function isNull(node: Located): boolean {
  return node.kind === 'scalar' && node.value === null;
}

function emptyObject(): Record<string, Plain> {
  return Object.create(null) as Record<string, Plain>;
}
