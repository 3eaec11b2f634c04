import { formatSocketAddress, type IpAddress, parseSocketAddress, type SocketAddress } from '@ambit/core/address';
import { MAX_FIELD_LENGTH } from './limits.ts';

/** What a proxy says about the connection it forwards (RFC 7239). Believed for telemetry only, the port apart (`forwardedPort`). */
export interface Forwarded {
  /** The client as the sending proxy saw it. */
  readonly client: SocketAddress;
  /** Hostname of the service the client dialled; undefined when it dialled none. */
  readonly host: string | undefined;
}

const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;
const PARAMETER = /(?:^|;)\s*([A-Za-z]+)=(?:"([^"\\]*)"|([^\s";,]*))\s*(?=;|$)/g;

/** `for="<ip:port>"`, with `;host=<hostname>` when a service is known. */
export function formatForwarded(client: SocketAddress, host?: string): string {
  const suffix = host !== undefined && HOST.test(host) ? `;host=${host}` : '';
  return `for="${formatSocketAddress(client)}"${suffix}`;
}

/** Reads the first element of a `forwarded` field; undefined when it does not name the client by address and port. */
export function parseForwarded(text: string | undefined): Forwarded | undefined {
  if (text === undefined || text.length > MAX_FIELD_LENGTH) return undefined;
  const [first = ''] = text.split(',');
  let client: SocketAddress | undefined;
  let host: string | undefined;
  for (const [, name = '', quoted, plain] of first.matchAll(PARAMETER)) {
    const value = quoted ?? plain ?? '';
    if (name.toLowerCase() === 'for') client = parseSocketAddress(value);
    else if (name.toLowerCase() === 'host' && HOST.test(value)) host = value;
  }
  return client === undefined ? undefined : { client, host };
}

const HOST_PARAMETER = ';host=';

/** The hostname that `formatForwarded` names, unchecked; undefined when there is none. For every tunnel. */
export function forwardedHost(text: string | undefined): string | undefined {
  if (text === undefined || text.length > MAX_FIELD_LENGTH) return undefined;
  const at = text.indexOf(HOST_PARAMETER);
  if (at < 0) return undefined;
  const from = at + HOST_PARAMETER.length;
  const end = text.indexOf(';', from);
  return end < 0 ? text.slice(from) : text.slice(from, end);
}

const DIGIT_0 = 0x30;

/**
 * The port of the client that `formatForwarded` names, if the client is at `ip`, in canonical spelling; 0 when the field
 * says anything else. For every tunnel: allocates nothing.
 */
export function forwardedPort(text: string | undefined, ip: IpAddress): number {
  if (text === undefined) return 0;
  const v6 = ip.includes(':');
  const open = v6 ? 'for="[' : 'for="';
  const close = v6 ? ']:' : ':';
  let at = open.length;
  if (!text.startsWith(open) || !text.startsWith(ip, at)) return 0;
  at += ip.length;
  if (!text.startsWith(close, at)) return 0;
  at += close.length;
  let port = 0;
  for (const first = at; at < first + 5; at += 1) {
    const digit = text.charCodeAt(at) - DIGIT_0;
    // Also at the end of the text, where there is no number.
    if (!(digit >= 0 && digit <= 9)) break;
    if (digit === 0 && at === first) return 0;
    port = port * 10 + digit;
  }
  const ends = text[at] === '"' && (at + 1 === text.length || text[at + 1] === ';');
  return ends && port <= 65_535 ? port : 0;
}
