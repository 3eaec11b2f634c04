import type { CompiledDestination, CompiledDestinations } from './compiled-service.ts';

/**
 * Draws one of the destinations by weight; `random` gives numbers from 0 to below 1. Undefined: there is none, or all weigh
 * nothing. That and a destination that can neither be reached nor redirects are 500.
 */
export function drawDestination(
  destinations: CompiledDestinations,
  random: () => number,
): CompiledDestination | undefined {
  const { all, sums } = destinations;
  const last = sums.length - 1;
  if (last < 0) return undefined;
  let drawn = 0;
  if (last > 0) {
    const position = random() * (sums[last] ?? 0);
    while (drawn < last && position >= (sums[drawn] ?? 0)) drawn++;
  }
  return all[drawn];
}
