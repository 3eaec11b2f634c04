import { SINGLE_FIELDS } from '@ambit/core/single-fields';

/** Each has a bit. */
const SINGLE_FIELD_BITS: ReadonlyMap<string, number> = new Map(SINGLE_FIELDS.map((name, bit) => [name, 1 << bit]));

/** The bit of a field that may come once only; 0 for others. */
export function singleFieldBit(name: string): number {
  return SINGLE_FIELD_BITS.get(name) ?? 0;
}

/** Values that must not stay in memory for longer than their message. */
const SECRET_FIELDS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization', 'set-cookie']);

export function isSecretField(name: string): boolean {
  return SECRET_FIELDS.has(name);
}

/** Fields of one connection, never passed on (RFC 9110 7.6.1). `te` is one too, but for `trailers`. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

export function isConnectionField(name: string): boolean {
  return CONNECTION_FIELDS.has(name);
}

/**
 * Fields that have no meaning, or a dangerous one, behind the content: framing, routing, authentication, request modifiers,
 * response control, content format (RFC 9110 6.5.1), and what proxies say of the client.
 */
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  ...CONNECTION_FIELDS,
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'location',
  'max-forwards',
  'proxy-authorization',
  'range',
  'set-cookie',
  'te',
  'trailer',
  'x-forwarded-client-cert',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
]);

export function isForbiddenInTrailers(name: string): boolean {
  return NOT_IN_TRAILERS.has(name);
}
