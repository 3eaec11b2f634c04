import type { KubeObject, Resource } from '@ambit/kube/resource';
import type { ParentReference } from '@ambit/translation/gateway-objects';

/** An object of the API server, whose further fields nobody has looked at yet. */
export interface RawObject extends KubeObject {
  readonly spec?: unknown;
  readonly status?: unknown;
  readonly [field: string]: unknown;
}

/**
 * What is read of an object: of its metadata what the model knows, so that a newer API server's additions refuse nothing,
 * and no status but that of Pods, the addresses of Gateways and those that were allocated for ServiceEntries: others write
 * there.
 */
export function readableObject(object: RawObject, { group, version, kind }: Resource): Record<string, unknown> {
  const { metadata, status, ...content } = object;
  const { name, namespace, uid, generation, labels, annotations } = metadata;
  const { creationTimestamp, deletionTimestamp, ownerReferences } = metadata;
  return {
    ...content,
    // Items of a list do not carry them.
    apiVersion: group === '' ? version : `${group}/${version}`,
    kind,
    metadata: {
      ...{ name, namespace, uid, generation, labels, annotations },
      ...{ creationTimestamp, deletionTimestamp, ownerReferences },
    },
    ...(kind === 'Pod' ? { status } : {}),
    ...(kind === 'Gateway' ? { status: { addresses: listUnder(status, 'addresses') } } : {}),
    ...(kind === 'ServiceEntry' ? { status: { addresses: allocatedAddresses(status) } } : {}),
  };
}

/** Those that can be read: what somebody else has written there refuses no object. */
function allocatedAddresses(status: unknown): { value: string; host: string }[] {
  return listUnder(status, 'addresses').flatMap((address) => {
    const value = textUnder(address, 'value');
    return value === undefined ? [] : [{ value, host: textUnder(address, 'host') ?? '' }];
  });
}

/** `namespace/name`, or the name of a cluster-wide object. */
export function keyOf({ metadata: { namespace, name } }: KubeObject): string {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** The parents that a route names, those that can be read. */
export function parentsOf(object: object): ParentReference[] {
  return listUnder(fieldUnder(object, 'spec'), 'parentRefs').flatMap((parent) => {
    const name = textUnder(parent, 'name');
    if (name === undefined) return [];
    const texts = (['group', 'kind', 'namespace', 'sectionName'] as const).flatMap((field) => {
      const text = textUnder(parent, field);
      return text === undefined ? [] : [[field, text] as const];
    });
    const port = fieldUnder(parent, 'port');
    return [{ ...Object.fromEntries(texts), name, ...(typeof port === 'number' ? { port } : {}) }];
  });
}

export function fieldUnder(value: unknown, field: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, field)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[field];
}

export function listUnder(value: unknown, field: string): readonly unknown[] {
  const list = fieldUnder(value, field);
  return Array.isArray(list) ? list : [];
}

export function textUnder(value: unknown, field: string): string | undefined {
  const text = fieldUnder(value, field);
  return typeof text === 'string' ? text : undefined;
}
