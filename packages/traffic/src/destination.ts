import type { CompiledCluster, CompiledDestinations } from './compiled-service.ts';

/** `no-destination`: there is none, or all weigh nothing. `invalid-backend`: the drawn one cannot be used. Both are 500. */
export type NoDestination = 'invalid-backend' | 'no-destination';

/** Draws one of the destinations by weight; `random` gives numbers from 0 to below 1. */
export function drawDestination(
  destinations: CompiledDestinations,
  random: () => number,
): CompiledCluster | NoDestination {
  const { clusters, sums } = destinations;
  const last = sums.length - 1;
  if (last < 0) return 'no-destination';
  let drawn = 0;
  if (last > 0) {
    const position = random() * (sums[last] ?? 0);
    while (drawn < last && position >= (sums[drawn] ?? 0)) drawn++;
  }
  return clusters[drawn] ?? 'invalid-backend';
}
