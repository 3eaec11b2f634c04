import type { Plain, PlainObject } from '@ambit/translation/manifest/plain';

/**
 * Fields of the kinds that are deployed whose lists are merged item by item, by the key beside them; other lists are
 * replaced (`patchMergeKey` of the Kubernetes API). The first key that the patch's items carry is the one.
 */
const MERGE_KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  env: ['name'],
  ephemeralContainers: ['name'],
  hostAliases: ['ip'],
  imagePullSecrets: ['name'],
  initContainers: ['name'],
  ports: ['containerPort', 'port'],
  secrets: ['name'],
  topologySpreadConstraints: ['topologyKey'],
  volumeDevices: ['devicePath'],
  volumeMounts: ['mountPath'],
  volumes: ['name'],
};

/**
 * A strategic merge patch laid over an object: maps are merged, null removes, lists with a merge key are merged by it, others
 * replaced. `$patch: delete` removes an item or empties a map, `$patch: replace` takes a map or list as it stands. Throws an
 * Error that names the field for a directive that is not known.
 */
export function strategicMerge(base: Plain | undefined, patch: Plain, path = ''): Plain | undefined {
  if (isMap(patch)) return mergeMap(isMap(base) ? base : {}, patch, path);
  if (Array.isArray(patch))
    return mergeList(Array.isArray(base) ? (base as readonly Plain[]) : [], patch as readonly Plain[], path);
  return patch;
}

function mergeMap(base: PlainObject, patch: PlainObject, path: string): Plain | undefined {
  const directive = directiveOf(patch, path);
  if (directive === 'delete') return undefined;
  const result = new Map(directive === 'replace' ? [] : Object.entries(base));
  for (const [key, value] of Object.entries(patch)) {
    if (key === '$patch') continue;
    if (key.startsWith('$')) throw new Error(`${joined(path, key)}: this directive is not known`);
    const merged = value === null ? undefined : strategicMerge(result.get(key), value, joined(path, key));
    if (merged === undefined) result.delete(key);
    else result.set(key, merged);
  }
  return Object.fromEntries(result);
}

function mergeList(base: readonly Plain[], patch: readonly Plain[], path: string): Plain {
  const replaces = patch.some((item) => isMap(item) && directiveOf(item, path) === 'replace');
  const items = patch.filter((item) => !(isMap(item) && item['$patch'] === 'replace'));
  const keys = MERGE_KEYS[path.slice(path.lastIndexOf('.') + 1)] ?? [];
  const key = keys.find((name) => items.some((item) => isMap(item) && Object.hasOwn(item, name)));
  if (replaces || key === undefined) return items;
  const result = [...base];
  for (const item of items) {
    if (!isMap(item) || item[key] === undefined) throw new Error(`${path}: every item needs ${key}`);
    const place = result.findIndex((other) => isMap(other) && other[key] === item[key]);
    const merged = strategicMerge(place < 0 ? undefined : result[place], item, path);
    if (merged === undefined) {
      if (place >= 0) result.splice(place, 1);
    } else if (place < 0) result.push(merged);
    else result[place] = merged;
  }
  return result;
}

function directiveOf(map: PlainObject, path: string): string | undefined {
  const directive = map['$patch'];
  if (directive === undefined || directive === 'delete' || directive === 'replace' || directive === 'merge') {
    return directive;
  }
  throw new Error(`${joined(path, '$patch')}: must be merge, replace or delete`);
}

function joined(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function isMap(value: Plain | undefined): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
