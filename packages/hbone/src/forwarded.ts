import { formatSocketAddress, parseSocketAddress, type SocketAddress } from '@ambit/core/address';
import { MAX_FIELD_LENGTH } from './limits.ts';

/** What a proxy says about the connection it forwards (RFC 7239). Believed for telemetry only. */
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
