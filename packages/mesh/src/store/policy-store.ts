import { type CompiledPolicy, compilePolicy } from '../policy/compile.ts';
import type { Policy } from '../policy/policy.ts';
import { PolicySet } from '../policy/policy-set.ts';
import type { PolicyKeys } from '../resource/keys.ts';
import type { Workload } from '../workload.ts';
import type { StoredResource } from './stored-resource.ts';

export type StoredPolicy = StoredResource<PolicyKeys, Policy>;

/** Policies by name and scope, compiled on first use, and the set that applies to a workload. */
export class PolicyStore {
  readonly #byKey = new Map<string, StoredPolicy>();
  readonly #global = new Set<StoredPolicy>();
  readonly #byNamespace = new Map<string, Set<StoredPolicy>>();
  #compiled = new WeakMap<StoredPolicy, CompiledPolicy>();
  /** Sets by workload; thrown away as a whole when any policy changes. */
  #sets = new WeakMap<Workload, PolicySet>();

  get size(): number {
    return this.#byKey.size;
  }

  /** In the order of their last change. */
  all(): MapIterator<StoredPolicy> {
    return this.#byKey.values();
  }

  byKey(key: string): StoredPolicy | undefined {
    return this.#byKey.get(key);
  }

  put(policy: StoredPolicy): void {
    const { key, scope, namespace } = policy.keys;
    this.#byKey.set(key, policy);
    if (scope === 'global') this.#global.add(policy);
    if (scope === 'namespace') {
      const inNamespace = this.#byNamespace.get(namespace) ?? new Set();
      this.#byNamespace.set(namespace, inNamespace.add(policy));
    }
    this.#sets = new WeakMap();
  }

  /** Returns what was removed. */
  remove(key: string): StoredPolicy | undefined {
    const policy = this.#byKey.get(key);
    if (policy === undefined) return undefined;
    const { namespace } = policy.keys;
    this.#byKey.delete(key);
    this.#global.delete(policy);
    const inNamespace = this.#byNamespace.get(namespace);
    inNamespace?.delete(policy);
    if (inNamespace?.size === 0) this.#byNamespace.delete(namespace);
    this.#sets = new WeakMap();
    return policy;
  }

  /**
   * The policies that judge connections to `workload`: those of its namespace, the global ones and those it lists.
   * A listed name that is not here makes the set pending.
   */
  setFor(workload: Workload): PolicySet {
    const known = this.#sets.get(workload);
    if (known !== undefined) return known;
    const policies = new Set<StoredPolicy>(this.#byNamespace.get(workload.namespace));
    for (const policy of this.#global) policies.add(policy);
    const missing: string[] = [];
    for (const name of workload.authorizationPolicies) {
      const policy = this.#byKey.get(name);
      if (policy === undefined) missing.push(name);
      else policies.add(policy);
    }
    const set = new PolicySet(
      [...policies].map((policy) => this.compiled(policy)),
      missing,
    );
    this.#sets.set(workload, set);
    return set;
  }

  compiled(policy: StoredPolicy): CompiledPolicy {
    let compiled = this.#compiled.get(policy);
    if (compiled === undefined) {
      compiled = compilePolicy(policy.model);
      this.#compiled.set(policy, compiled);
    }
    return compiled;
  }
}
