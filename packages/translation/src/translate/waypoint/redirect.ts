import type { MessageInitShape } from '@bufbuild/protobuf';
import { PortChoice, type RedirectSchema } from '@ambit/proto/waypoint';
import type { RedirectFilter } from '../../gateway-objects.ts';
import { readPathModifier } from './path-rewrite.ts';

export type RedirectInit = MessageInitShape<typeof RedirectSchema>;

/** A redirect before it is known on which port of a Service it stands. */
export interface RouteRedirect extends Pick<RedirectInit, 'hostname' | 'path' | 'scheme' | 'status'> {
  readonly port: number | 'of the scheme' | 'of the Service';
}

/** The port is the one that is written, else that of the scheme that is written, else the one that was dialled. */
export function readRedirect(filter: RedirectFilter, matchedPrefix: string): RouteRedirect {
  const { scheme, hostname = '', path, port, statusCode = 302 } = filter;
  return {
    status: statusCode,
    scheme: scheme ?? '',
    hostname,
    port: port ?? (scheme === undefined ? 'of the Service' : 'of the scheme'),
    ...(path === undefined ? {} : { path: readPathModifier(path, matchedPrefix) }),
  };
}

export function redirectAt({ port, ...redirect }: RouteRedirect, servicePort: number): RedirectInit {
  if (port === 'of the scheme') return { ...redirect, port: { case: 'choice', value: PortChoice.IMPLIED_BY_SCHEME } };
  return { ...redirect, port: { case: 'number', value: port === 'of the Service' ? servicePort : port } };
}
