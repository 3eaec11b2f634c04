import { retryOnWithoutFunction } from './retry.ts';
import type { VirtualHttpRoute, VirtualService } from '../../traffic-objects.ts';

/** What an object says that has no effect, by its own meaning: nothing is wrong, and nobody should wonder. */
export function virtualRemarks({ spec }: VirtualService): string[] {
  const http = spec.http ?? [];
  const last = http.findIndex(({ match = [] }) => match.length === 0);
  return [
    ...http.flatMap((route, index) => remarksOn(route, `spec.http[${index}]`)),
    ...(last >= 0 && last + 1 < http.length
      ? [`spec.http[${last}] takes every request, so those after it get none`]
      : []),
    ...(spec.tls ?? []).flatMap(({ match = [] }, index) =>
      match.flatMap(({ sniHosts = [] }, position) =>
        sniHosts.some((name) => name.includes('.') && !name.startsWith('*'))
          ? []
          : [`spec.tls[${index}].match[${position}].sniHosts names no Service in full, so it matches nothing`],
      ),
    ),
  ];
}

function remarksOn(route: VirtualHttpRoute, path: string): string[] {
  const { match = [], fault, redirect, directResponse, headers } = route;
  const answered = redirect === undefined ? (directResponse === undefined ? undefined : 'directResponse') : 'redirect';
  const unused = (['rewrite', 'timeout', 'retries', 'mirror', 'mirrors'] as const).filter(
    (field) => answered !== undefined && route[field] !== undefined,
  );
  return [
    ...match.flatMap(({ statPrefix }, index) =>
      statPrefix === undefined
        ? []
        : [`${path}.match[${index}].statPrefix has no function, metrics are not named by routes`],
    ),
    ...(fault?.delay !== undefined && (fault.delay.percentage ?? fault.delay.percent) === undefined
      ? [`${path}.fault.delay has no percentage, so it delays nothing`]
      : []),
    ...(fault?.abort !== undefined && fault.abort.percentage === undefined
      ? [`${path}.fault.abort has no percentage, so it aborts nothing`]
      : []),
    ...retryOnWithoutFunction(route.retries?.retryOn ?? '').map(
      (word) => `${path}.retries.retryOn ${word} has no function, it never happens here`,
    ),
    ...unused.map((field) => `${path}.${field} has no function beside ${answered ?? ''}`),
    ...(answered !== undefined && headers?.request !== undefined
      ? [`${path}.headers.request has no function beside ${answered}`]
      : []),
  ];
}
