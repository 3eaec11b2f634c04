import { OVERPROVISIONING } from '../limits.ts';
import type { BalancedTier } from './balanced-tier.ts';

/** Whether an endpoint (uid) is out. */
export type IsOut = (uid: string) => boolean;

/** How much of what it is meant for a rank can take, up to 1. */
function capacityOf({ slots }: BalancedTier, isOut: IsOut | undefined): number {
  if (isOut === undefined) return 1;
  let well = 0;
  for (const { uid } of slots) if (!isOut(uid)) well++;
  return Math.min(1, (well * OVERPROVISIONING) / slots.length);
}

/**
 * Which rank comes first when some endpoints are out: each takes what those before it cannot, and when all together cannot take all,
 * each gets more. Endpoints without an address take nothing.
 */
export function drawRank(tiers: readonly BalancedTier[], random: () => number, isOut: IsOut): number {
  let left = 1;
  const loads: number[] = [];
  for (const tier of tiers) {
    if (tier.slots[0]?.endpoint.workload.addresses.length === 0) break;
    const load = Math.min(left, capacityOf(tier, isOut));
    loads.push(load);
    left -= load;
    if (left <= 0) break;
  }
  return loads.length < 2 ? 0 : drawOf(loads, random);
}

/** Which rank comes first by the shares of each; one with too many out gets less of it. */
export function drawShare(
  tiers: readonly BalancedTier[],
  shares: readonly number[],
  random: () => number,
  isOut: IsOut | undefined,
): number {
  if (isOut === undefined) return drawOf(shares, random);
  return drawOf(
    tiers.map((tier, rank) => (shares[rank] ?? 0) * capacityOf(tier, isOut)),
    random,
  );
}

/** An index, as often as its weight says. */
function drawOf(weights: readonly number[], random: () => number): number {
  let position = random() * weights.reduce((sum, weight) => sum + weight, 0);
  const last = weights.length - 1;
  for (let index = 0; index < last; index++) {
    position -= weights[index] ?? 0;
    if (position < 0) return index;
  }
  return Math.max(0, (weights[last] ?? 0) > 0 ? last : weights.findIndex((weight) => weight > 0));
}
