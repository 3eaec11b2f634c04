import type { VirtualHttpRoute, VirtualService, VirtualTcpRoute } from '../../traffic-objects.ts';
import { notHonoured } from './not-honoured.ts';
import { retryOnNotHonoured } from './retry.ts';
import { hasTextBody } from './virtual-direct-response.ts';
import { formatPaths } from './virtual-headers.ts';
import { hasTwoPorts } from './virtual-redirect.ts';

const RETRIES = [
  'attempts',
  'perTryTimeout',
  'retryOn',
  'retryIgnorePreviousHosts',
  'backoff',
  'retryRemoteLocalities',
];

/** Paths of the fields of a VirtualService that are set and not honoured. */
export function virtualFieldsNotHonoured({ spec }: VirtualService): string[] {
  return [
    ...(spec.http ?? []).flatMap((route, index) => httpFields(route, `spec.http[${index}]`)),
    ...(spec.tls ?? []).flatMap((route, index) => connectionFields(route, ['sniHosts'], `spec.tls[${index}]`)),
    ...(spec.tcp ?? []).flatMap((route, index) => connectionFields(route, [], `spec.tcp[${index}]`)),
  ];
}

function httpFields(
  { route = [], redirect, directResponse, retries, headers }: VirtualHttpRoute,
  path: string,
): string[] {
  return [
    ...formatPaths(headers, `${path}.headers`),
    ...route.flatMap((one, index) => formatPaths(one.headers, `${path}.route[${index}].headers`)),
    ...(redirect !== undefined && hasTwoPorts(redirect) ? [`${path}.redirect.authority with a second port`] : []),
    ...(directResponse === undefined || hasTextBody(directResponse)
      ? []
      : [`${path}.directResponse.body.bytes that are no text`]),
    ...notHonoured(retries, RETRIES, `${path}.retries`),
    ...retryOnNotHonoured(retries?.retryOn ?? '').map((word) => `${path}.retries.retryOn ${word}`),
  ];
}

/** Connections are told apart by the port alone. */
function connectionFields({ match = [] }: VirtualTcpRoute, more: readonly string[], path: string): string[] {
  return match.flatMap((one, index) => notHonoured(one, ['port', 'gateways', ...more], `${path}.match[${index}]`));
}
