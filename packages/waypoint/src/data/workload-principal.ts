import { formatSpiffeId } from '@ambit/core/spiffe';
import type { Workload } from '@ambit/mesh/workload';

/** Every request names its endpoint: a text that is made once is found and compared faster than one that is made each time. */
const principals = new WeakMap<Workload, string>();

/** As who the end of a connection at `workload` proves itself, `spiffe://…`; undefined where it does not. */
export function principalOf(workload: Workload | undefined): string | undefined {
  if (workload?.protocol !== 'hbone') return undefined;
  let principal = principals.get(workload);
  if (principal === undefined) {
    principal = formatSpiffeId(workload.identity);
    principals.set(workload, principal);
  }
  return principal;
}
