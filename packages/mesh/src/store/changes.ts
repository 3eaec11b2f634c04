import type { PolicyKeys } from '../resource/keys.ts';
import type { Workload } from '../workload.ts';

/** What has changed in a store since the last look, for what lives on from earlier decisions. */
export class StoreChanges {
  /** Uids of workloads that came, changed or went. */
  readonly workloads: Set<string> = new Set();
  /** Uids at whose end something else stands now (gone, or another address, identity or protocol): retire tunnels to them. */
  readonly retiredWorkloads: Set<string> = new Set();
  /** `namespace/hostname` of services that came, changed or went. */
  readonly services: Set<string> = new Set();
  /** `namespace/name` of policies that came, changed or went. */
  readonly policies: Set<string> = new Set();
  readonly #policyNamespaces = new Set<string>();
  #globalPolicies = false;

  policyChanged({ key, scope, namespace }: PolicyKeys): void {
    this.policies.add(key);
    if (scope === 'global') this.#globalPolicies = true;
    if (scope === 'namespace') this.#policyNamespaces.add(namespace);
  }

  get empty(): boolean {
    return this.workloads.size === 0 && this.services.size === 0 && this.policies.size === 0;
  }

  /** Whether live connections to `workload` (as it is now) have to be judged again. */
  concern(workload: Workload): boolean {
    if (this.#globalPolicies || this.workloads.has(workload.uid)) return true;
    if (this.#policyNamespaces.has(workload.namespace)) return true;
    return this.policies.size > 0 && workload.authorizationPolicies.some((name) => this.policies.has(name));
  }
}
