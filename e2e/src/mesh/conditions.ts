import type { Bench } from './bench.ts';

/** A condition of an object's status. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
}

/** An object as the API server has it, as far as the tests look. */
interface Conditioned {
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly parents?: readonly { readonly conditions: readonly Condition[] }[];
  };
}

/** All conditions of an object; of a route those of all its parents. */
export async function conditions(
  bench: Bench,
  kind: string,
  name: string,
  namespace: string,
): Promise<readonly Condition[]> {
  const text = await bench.cluster.kubectl(['get', kind, name, '-n', namespace, '-o', 'json']);
  const { status = {} } = JSON.parse(text) as Conditioned;
  return [...(status.conditions ?? []), ...(status.parents ?? []).flatMap((parent) => parent.conditions)];
}

/** One condition of an object. Throws when it has none of that type. */
export async function condition(
  bench: Bench,
  type: string,
  kind: string,
  name: string,
  namespace: string,
): Promise<Condition> {
  const all = await conditions(bench, kind, name, namespace);
  const one = all.find((other) => other.type === type);
  if (one === undefined) throw new Error(`${kind} ${namespace}/${name} has no condition ${type}`);
  return one;
}
