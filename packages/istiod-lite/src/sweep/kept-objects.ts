import { messageOf } from '@ambit/core/errors';
import type { KubeClient } from '@ambit/kube/client';
import { CUSTOM_RESOURCE_DEFINITIONS, type KubeObject, type Resource } from '@ambit/kube/resource';

/** Groups whose objects users write for the mesh. */
const GROUPS: readonly string[] = [
  'extensions.istio.io',
  'gateway.networking.k8s.io',
  'networking.istio.io',
  'security.istio.io',
  'telemetry.istio.io',
];

interface Definition extends KubeObject {
  readonly kind: 'CustomResourceDefinition';
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly plural: string; readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly storage: boolean }[];
  };
}

/** What stays when the mesh goes, in words. What cannot be looked at is reported. */
export async function keptObjects(
  client: Pick<KubeClient, 'list'>,
  namespace: string,
  report: (problem: string) => void,
): Promise<string[]> {
  const kept: string[] = [];
  try {
    const { items } = await client.list<Definition>(CUSTOM_RESOURCE_DEFINITIONS);
    const definitions = items.filter(({ spec }) => GROUPS.includes(spec.group));
    if (definitions.length > 0) {
      const groups = [...new Set(definitions.map(({ spec }) => spec.group))].sort();
      kept.push(`${definitions.length} CustomResourceDefinitions of ${groups.join(', ')}`);
    }
    const objects: string[] = [];
    for (const definition of definitions) {
      const { items: found } = await client.list(resourceOf(definition));
      if (found.length > 0) objects.push(`${found.length} ${definition.spec.names.kind}`);
    }
    if (objects.length > 0) kept.push(`your objects: ${objects.join(', ')}`);
  } catch (error) {
    report(`cannot look at what is kept: ${messageOf(error)}`);
  }
  kept.push(
    `the key of the authority: Secret ${namespace}/istio-ca-secret, and ${namespace}/cacerts where there is one`,
  );
  return kept;
}

function resourceOf({ spec }: Definition): Resource {
  const version = spec.versions.find(({ storage }) => storage)?.name ?? '';
  const { plural, kind } = spec.names;
  return { group: spec.group, version, plural, kind, namespaced: spec.scope === 'Namespaced' };
}
