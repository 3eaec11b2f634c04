import { MAX_SOURCE_WORKLOADS, MAX_VIRTUAL_MATCHES } from '../../limits.ts';
import type { VirtualHttpRoute, VirtualService } from '../../traffic-objects.ts';
import type { SourceWorkloads } from './source-workloads.ts';
import { delegateKey } from './virtual-delegates.ts';
import { sourceWorkloadsOf } from './virtual-match.ts';

interface Size {
  readonly matches: number;
  /** Listed as clients. */
  readonly workloads: number;
}

/** Why an object would become larger than a waypoint and its controller can bear; undefined: it would not. */
export function overLimit(
  object: VirtualService,
  objects: ReadonlyMap<string, VirtualService>,
  sources: SourceWorkloads,
): string | undefined {
  const { matches, workloads } = sum(
    (object.spec.http ?? []).map((route): Size => {
      const own = sizeOf(route, sources);
      if (route.delegate === undefined) return own;
      const delegated = objects.get(delegateKey(route, object))?.spec.http ?? [];
      const inner = sum(delegated.map((one) => sizeOf(one, sources)));
      return {
        matches: own.matches * inner.matches,
        workloads: own.workloads * inner.matches + inner.workloads * own.matches,
      };
    }),
  );
  if (matches > MAX_VIRTUAL_MATCHES) {
    return `its routes and those of its delegates have ${matches} matches together, more than ${MAX_VIRTUAL_MATCHES}`;
  }
  return workloads > MAX_SOURCE_WORKLOADS
    ? `sourceLabels of its matches select ${workloads} workloads together, more than ${MAX_SOURCE_WORKLOADS}`
    : undefined;
}

function sizeOf({ match = [] }: VirtualHttpRoute, sources: SourceWorkloads): Size {
  const workloads = match.map((one) => sourceWorkloadsOf(one, sources).length);
  return { matches: Math.max(1, match.length), workloads: workloads.reduce((total, count) => total + count, 0) };
}

function sum(sizes: readonly Size[]): Size {
  return sizes.reduce(
    (total, size) => ({ matches: total.matches + size.matches, workloads: total.workloads + size.workloads }),
    { matches: 0, workloads: 0 },
  );
}
