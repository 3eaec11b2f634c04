import type { MessageInitShape } from '@bufbuild/protobuf';
import { PortChoice, type RedirectSchema } from '@ambit/proto/waypoint';
import type { VirtualRedirect } from '../../traffic-objects.ts';
import type { PathRewriteInit } from './virtual-path.ts';

export type RedirectInit = MessageInitShape<typeof RedirectSchema>;

/** A redirect at a Service's port. */
export function redirectOf(redirect: VirtualRedirect, path: PathRewriteInit | undefined, port: number): RedirectInit {
  const { scheme = '', redirectCode = 0 } = redirect;
  return {
    status: redirectCode === 0 ? 301 : redirectCode,
    scheme,
    hostname: hostAndPort(redirect).host,
    port: portOf(redirect, port),
    ...(path === undefined ? {} : { path }),
  };
}

/** Whether the port of a redirect is written in two places. */
export function hasTwoPorts(redirect: VirtualRedirect): boolean {
  const isGiven = redirect.port !== undefined || redirect.derivePort !== undefined;
  return isGiven && hostAndPort(redirect).port !== undefined;
}

function portOf(redirect: VirtualRedirect, dialled: number): NonNullable<RedirectInit['port']> {
  const number = redirect.port ?? hostAndPort(redirect).port;
  if (number !== undefined) return { case: 'number', value: number };
  if (redirect.derivePort === 'FROM_REQUEST_PORT') return { case: 'number', value: dialled };
  // The port belongs to the host that is named; who names none keeps the request's.
  const isImplied = redirect.derivePort === 'FROM_PROTOCOL_DEFAULT' || hostAndPort(redirect).host !== '';
  return { case: 'choice', value: isImplied ? PortChoice.IMPLIED_BY_SCHEME : PortChoice.AS_REQUESTED };
}

function hostAndPort({ authority = '' }: VirtualRedirect): { host: string; port: number | undefined } {
  const { host, port } = /^(?<host>\[[^\]]*\]|[^:]*):(?<port>[0-9]{1,5})$/.exec(authority)?.groups ?? {};
  return { host: host ?? authority, port: port === undefined ? undefined : Number(port) };
}
