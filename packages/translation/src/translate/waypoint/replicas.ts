import type { Gateway } from '../../gateway-objects.ts';
import { valueOf } from '../../labels.ts';

/** How many pods a waypoint gets, by the annotation `ambit.io/replicas`: 1 to 16, else `fallback`; undefined for anything else. */
export function replicasOf({ metadata }: Gateway, fallback: number): number | undefined {
  const text = valueOf(metadata.annotations, 'ambit.io/replicas') ?? String(fallback);
  return /^(?:[1-9]|1[0-6])$/.test(text) ? Number(text) : undefined;
}
