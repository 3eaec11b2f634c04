import { messageOf } from '@ambit/core/errors';
import { type KubeClient, KubeError } from '@ambit/kube/client';
import { CUSTOM_RESOURCE_DEFINITIONS, type KubeObject, type Resource } from '@ambit/kube/resource';

/** Groups whose objects users write for the mesh. */
const GROUPS: readonly string[] = [
  'extensions.istio.io',
  'gateway.networking.k8s.io',
  'networking.istio.io',
  'policy.ambit.io',
  'security.istio.io',
  'telemetry.istio.io',
];

interface Definition extends KubeObject {
  readonly kind: 'CustomResourceDefinition';
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly plural: string; readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly served?: boolean; readonly storage: boolean }[];
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
      const found = await countOf(definition, client);
      if (found > 0) objects.push(`${found} ${definition.spec.names.kind}`);
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

/** None where the definition is on its way out, or serves no version. */
async function countOf({ spec }: Definition, client: Pick<KubeClient, 'list'>): Promise<number> {
  const served = spec.versions.filter((version) => version.served !== false);
  const version = (served.find(({ storage }) => storage) ?? served[0])?.name;
  if (version === undefined) return 0;
  const { plural, kind } = spec.names;
  const resource: Resource = { group: spec.group, version, plural, kind, namespaced: spec.scope === 'Namespaced' };
  try {
    return (await client.list(resource)).items.length;
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return 0;
    throw error;
  }
}
