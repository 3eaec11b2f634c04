import { KubeError } from './kube-error.ts';
import type { Resource } from './resource.ts';

/** Which objects: one by name, or (without) all of a namespace or of the cluster. */
export interface ResourceTarget {
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
  readonly subresource?: string | undefined;
}

/** The path of the collection in which an object is created. Throws `AMBIT_KUBE_INVALID` without the namespace that it needs. */
export function collectionPath(resource: Resource, namespace: string | undefined): string {
  if (resource.namespaced && namespace === undefined) throw misdirected(resource, {});
  return resourcePath(resource, { namespace });
}

/** The path of one object or collection. Throws `AMBIT_KUBE_INVALID` for names that would lead somewhere else. */
export function resourcePath(resource: Resource, target: ResourceTarget): string {
  const { group, version, plural } = resource;
  const { name, namespace, subresource } = target;
  const segments = group === '' ? ['api', version] : ['apis', group, version];
  if (resource.namespaced && namespace !== undefined) segments.push('namespaces', namespace);
  if (resource.namespaced && namespace === undefined && name !== undefined) throw misdirected(resource, target);
  segments.push(plural);
  if (name !== undefined) segments.push(name);
  if (subresource !== undefined) segments.push(subresource);
  // An empty name would address the whole collection, dots another path.
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    throw misdirected(resource, target);
  return `/${segments.map(encodeURIComponent).join('/')}`;
}

/** For messages: `pods shop/orders-0`, `httproutes.gateway.networking.k8s.io in all namespaces`. */
export function resourceText(resource: Resource, { name, namespace, subresource }: ResourceTarget): string {
  const kind = resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
  const what = subresource === undefined ? kind : `${kind}/${subresource}`;
  if (name !== undefined) return `${what} ${resource.namespaced ? `${namespace ?? ''}/${name}` : name}`;
  if (!resource.namespaced) return what;
  return namespace === undefined ? `${what} in all namespaces` : `${what} in namespace ${namespace}`;
}

function misdirected(resource: Resource, target: ResourceTarget): KubeError {
  const { name = '', namespace = '' } = target;
  return new KubeError(
    'AMBIT_KUBE_INVALID',
    `${resource.plural}: name ${JSON.stringify(name)} in namespace ${JSON.stringify(namespace)} is no name of an object; was one left empty?`,
    { status: 0, reason: 'BadName' },
  );
}
