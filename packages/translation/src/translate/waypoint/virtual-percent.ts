import type { Percent } from '../../traffic-objects.ts';

/** A share of requests as waypoints draw it, of a million; 0.1 % is 1000. Absent: the default, in percent. */
export function perMillion(percent: Percent | undefined, otherwise: number): number {
  return Math.round((percent === undefined ? otherwise : (percent.value ?? 0)) * 10_000);
}
