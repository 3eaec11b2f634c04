import { formatSocketAddress } from '@ambit/core/address';
import { formatSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import type { TunnelTarget } from './tunnel.ts';

// Routes hand over the same list of identities again and again.
const formatted: WeakMap<readonly SpiffeId[], string> = new WeakMap();

/**
 * What has to be equal for two tunnels to share a connection: who asks, from where, who must answer, where, and which
 * workload that was meant to be. An address that another pod got is another key.
 */
export function poolKey(target: TunnelTarget): string {
  return `${target.sourcePrincipal} ${target.sourceIp} ${formatSocketAddress(target.address)} ${target.workloadUid} ${identitiesKey(target.expected)}`;
}

/** Equal for lists of the same identities, in whatever order. */
export function identitiesKey(identities: readonly SpiffeId[]): string {
  let key = formatted.get(identities);
  if (key === undefined) {
    key = identities.map(formatSpiffeId).sort().join(',');
    formatted.set(identities, key);
  }
  return key;
}
