import type { VirtualHttpRoute, VirtualService, VirtualTcpRoute } from '../../traffic-objects.ts';
import { notHonoured } from './not-honoured.ts';
import { retryOnNotHonoured } from './retry.ts';

const HTTP = ['name', 'match', 'route', 'directResponse', 'timeout', 'retries'];
const HTTP_MATCH = [
  'name',
  'uri',
  'scheme',
  'method',
  'authority',
  'headers',
  'withoutHeaders',
  'queryParams',
  'ignoreUriCase',
  'port',
  'gateways',
];
const RETRIES = ['attempts', 'perTryTimeout', 'retryOn', 'retryIgnorePreviousHosts', 'backoff'];

/** Paths of the fields of a VirtualService that are set and not honoured. */
export function virtualFieldsNotHonoured({ spec }: VirtualService): string[] {
  return [
    ...notHonoured(spec, ['hosts', 'gateways', 'exportTo', 'http', 'tcp'], 'spec'),
    ...(spec.http ?? []).flatMap((route, index) => httpFields(route, `spec.http[${index}]`)),
    ...(spec.tcp ?? []).flatMap((route, index) => tcpFields(route, `spec.tcp[${index}]`)),
  ];
}

function httpFields(route: VirtualHttpRoute, path: string): string[] {
  const { match = [], route: destinations = [], directResponse, retries } = route;
  return [
    ...notHonoured(route, HTTP, path),
    ...match.flatMap((one, index) => notHonoured(one, HTTP_MATCH, `${path}.match[${index}]`)),
    ...destinations.flatMap((one, index) => notHonoured(one, ['destination', 'weight'], `${path}.route[${index}]`)),
    ...notHonoured(directResponse?.body, ['string'], `${path}.directResponse.body`),
    ...notHonoured(retries, RETRIES, `${path}.retries`),
    ...retryOnNotHonoured(retries?.retryOn ?? '').map((word) => `${path}.retries.retryOn ${word}`),
  ];
}

function tcpFields({ match = [], route = [], ...rest }: VirtualTcpRoute, path: string): string[] {
  return [
    ...notHonoured(rest, [], path),
    ...match.flatMap((one, index) => notHonoured(one, ['port', 'gateways'], `${path}.match[${index}]`)),
    ...route.flatMap((one, index) => notHonoured(one, ['destination', 'weight'], `${path}.route[${index}]`)),
  ];
}
