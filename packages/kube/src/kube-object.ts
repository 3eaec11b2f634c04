import type { KubeObject, Resource } from './resource.ts';

type Fields = Record<string, unknown>;

/**
 * An object of the API as it is kept: with `apiVersion` and `kind` (items of a list lack them), without
 * `metadata.managedFields` (often half of it). Undefined when `value` is no object with a name.
 */
export function keptObject(value: unknown, resource: Resource): KubeObject | undefined {
  if (!isFields(value) || !isFields(value.metadata)) return undefined;
  const { name, namespace, resourceVersion } = value.metadata;
  if (typeof name !== 'string' || name === '') return undefined;
  if (namespace !== undefined && typeof namespace !== 'string') return undefined;
  if (resourceVersion !== undefined && typeof resourceVersion !== 'string') return undefined;
  const { group, version, kind } = resource;
  const metadata = Object.fromEntries(Object.entries(value.metadata).filter(([field]) => field !== 'managedFields'));
  return {
    ...value,
    apiVersion:
      typeof value.apiVersion === 'string' ? value.apiVersion : group === '' ? version : `${group}/${version}`,
    kind: typeof value.kind === 'string' ? value.kind : kind,
    metadata: { ...metadata, name },
  };
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
