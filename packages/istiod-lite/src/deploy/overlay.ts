import { AmbitError, messageOf } from '@ambit/core/errors';
import { decodeManifests } from '@ambit/translation/decode';
import { type Plain, type PlainObject, plainYaml } from '@ambit/translation/manifest/plain';
import { formatProblem } from '@ambit/translation/manifest/problem';
import { MAX_OVERLAY_BYTES } from '../limits.ts';
import { strategicMerge } from './strategic-merge.ts';

/** Fields that overlays must not touch: they say whose an object is and which pods are its own. */
const FIXED: readonly (readonly string[])[] = [
  ['apiVersion'],
  ['kind'],
  ['metadata'],
  ['status'],
  ['spec', 'selector'],
  ['spec', 'template', 'metadata', 'name'],
  ['spec', 'template', 'metadata', 'namespace'],
];

/** Fields of a PodDisruptionBudget's spec, which no table of the model has. */
const BUDGET_FIELDS: readonly string[] = ['maxUnavailable', 'minAvailable', 'selector', 'unhealthyPodEvictionPolicy'];

/**
 * An object with a user's overlay, a strategic merge patch in YAML. Throws `AMBIT_OVERLAY` that names the field for what is
 * no YAML, touches what is fixed, or makes something that is no such object.
 */
export function withOverlay<T extends object>(object: T, text: string): T {
  if (Buffer.byteLength(text) > MAX_OVERLAY_BYTES) throw wrong(`it is longer than ${MAX_OVERLAY_BYTES} bytes`);
  const overlay = parsed(text);
  if (overlay === null) return object;
  if (typeof overlay !== 'object' || Array.isArray(overlay)) throw wrong('it is no map of fields');
  for (const path of FIXED) if (has(overlay, path)) throw wrong(`${path.join('.')}: cannot be changed`);
  const plain = JSON.parse(JSON.stringify(object)) as Plain;
  const merged = attempt(() => strategicMerge(plain, overlay));
  check(merged, plain);
  return merged as T;
}

function parsed(text: string): Plain {
  const read = plainYaml(text);
  if ('problem' in read) throw wrong(read.problem);
  return read.value;
}

function check(merged: Plain | undefined, before: Plain): void {
  if (fieldAt(before, ['kind']) === 'PodDisruptionBudget') return checkBudget(merged);
  const { problems } = decodeManifests('overlay', JSON.stringify(merged));
  if (problems.length > 0) {
    throw wrong(problems.map((problem) => formatProblem({ ...problem, file: '', object: '' })).join('; '));
  }
  const labels = ['spec', 'template', 'metadata', 'labels'];
  for (const [label, value] of Object.entries(fieldAt(before, labels) ?? {})) {
    if (fieldAt(merged, [...labels, label]) !== value) throw wrong(`${labels.join('.')}: ${label} cannot be changed`);
  }
}

function checkBudget(merged: Plain | undefined): void {
  const spec = fieldAt(merged, ['spec']);
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) throw wrong('spec: must be a map of fields');
  const stray = Object.keys(spec).find((name) => !BUDGET_FIELDS.includes(name));
  if (stray !== undefined) throw wrong(`spec.${stray}: unknown field`);
  for (const name of ['maxUnavailable', 'minAvailable']) {
    const value = fieldAt(spec, [name]);
    const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
    if (value !== undefined && !/^\d{1,4}%?$/.test(text)) throw wrong(`spec.${name}: must be a number or a percentage`);
  }
  if (has(spec, ['maxUnavailable']) && has(spec, ['minAvailable'])) {
    throw wrong('spec: maxUnavailable and minAvailable exclude each other; remove one with null');
  }
}

function has(value: Plain, path: readonly string[]): boolean {
  return fieldAt(value, path) !== undefined;
}

function fieldAt(value: Plain | undefined, path: readonly string[]): Plain | undefined {
  let current = value;
  for (const step of path) {
    if (typeof current !== 'object' || current === null || Array.isArray(current) || !Object.hasOwn(current, step)) {
      return undefined;
    }
    current = (current as PlainObject)[step];
  }
  return current;
}

function attempt<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw wrong(messageOf(error).split('\n')[0] ?? '');
  }
}

function wrong(reason: string): AmbitError {
  return new AmbitError('AMBIT_OVERLAY', reason, { source: 'configuration' });
}
