import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AmbitError } from '@ambit/core/errors';
import { Http2ConnectionError } from '@ambit/http/h2/errors';
import { ECONNREFUSED, ETIMEDOUT, SystemCallError } from '@ambit/native/errno';
import { TlsError } from '@ambit/native/tls-failure';
import type { FailureCause } from '@ambit/telemetry/response-flags';
import { failureCause } from './failure-cause.ts';
import { applicationUnreachable } from './refusals.ts';

/** Every code that a connection can end with, by what it is reported as. */
const TABLE: Readonly<Record<FailureCause, readonly string[]>> = {
  policy: ['AMBIT_POLICY_DENIED'],
  'peer-policy': ['AMBIT_PEER_DENIED'],
  'peer-target': ['AMBIT_PEER_BAD_REQUEST'],
  'peer-connect': ['AMBIT_PEER_UNAVAILABLE', 'AMBIT_HBONE_REFUSED'],
  route: [
    'AMBIT_HBONE_RETIRED',
    'AMBIT_ROUTE_HOSTNAME',
    'AMBIT_ROUTE_REMOTE_NETWORK',
    'AMBIT_ROUTE_SELF_CALL',
    'AMBIT_ROUTE_WORKLOAD_INVALID',
  ],
  connect: [
    'AMBIT_APPLICATION_UNREACHABLE',
    'AMBIT_CONNECT',
    'AMBIT_SYSCALL',
    'AMBIT_HBONE_CLOSED',
    'AMBIT_HBONE_CONNECT',
    'AMBIT_HBONE_LOST',
  ],
  'hbone-timeout': ['AMBIT_HBONE_NO_ANSWER', 'AMBIT_HBONE_PING_TIMEOUT'],
  tls: [
    'AMBIT_HBONE_NO_IDENTITY',
    'AMBIT_HBONE_WRONG_IDENTITY',
    'AMBIT_HBONE_TRUST_DOMAIN',
    'AMBIT_TLS_CERTIFICATE_EXPIRED',
    'AMBIT_TLS_RESET',
    'AMBIT_TLS_SESSION',
    'AMBIT_TLS_TRUNCATED',
    'AMBIT_TLS_UNKNOWN_AUTHORITY',
  ],
  http2: ['AMBIT_HPACK', 'AMBIT_HTTP2_CONNECTION', 'AMBIT_HBONE_NOT_CONNECT'],
  identity: [
    'AMBIT_HBONE_NO_CERTIFICATE',
    'AMBIT_IDENTITY_FORGOTTEN',
    'AMBIT_IDENTITY_MISSING',
    'AMBIT_IDENTITY_UNAVAILABLE',
    'AMBIT_TLS_CONTEXT',
  ],
  drain: ['AMBIT_DRAINED', 'AMBIT_HBONE_DRAINING'],
  revoked: [],
  other: [
    'AMBIT_APPLICATION_RESET',
    'AMBIT_HBONE_ABANDONED',
    'AMBIT_HBONE_ACCEPT',
    'AMBIT_HBONE_HANDSHAKES',
    'AMBIT_DESCRIPTORS',
    'AMBIT_HBONE_INTERNAL',
    'AMBIT_HBONE_NOT_OPEN',
    'AMBIT_HBONE_QUEUE',
    'AMBIT_HBONE_RESET',
    'AMBIT_INTERNAL',
    'AMBIT_LOOP',
    'AMBIT_PEER_STATUS',
  ],
};

/** Codes that no connection of an application ends with. */
const ELSEWHERE = new Set([
  'AMBIT_DNS_IDLE',
  'AMBIT_UNIX_PACKET',
  // A node proxy speaks no HTTP/1 and writes no requests.
  'AMBIT_HTTP1_CONNECTION',
  'AMBIT_HTTP1_MALFORMED',
  'AMBIT_HTTP_TOO_LARGE',
  'AMBIT_HTTP_UNWRITABLE',
]);

const rows = Object.entries(TABLE).flatMap(([cause, codes]) => codes.map((code) => [code, cause] as const));
const PACKAGES = join(import.meta.dirname, '../../..');

function codesOf(folder: string): string[] {
  const path = join(PACKAGES, folder);
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' });
  const sources = files.filter((name) => /\.ts$/.test(name) && !/(?:^|\/)test-|\.test\.ts$|failure-cause/.test(name));
  return sources.flatMap((name) => readFileSync(join(path, name), 'utf8').match(/(?<=')AMBIT_[A-Z0-9_]+(?=')/g) ?? []);
}

describe('what a connection is reported as', () => {
  it.each(rows)('%s: %s', (code, cause) => {
    expect(failureCause(new AmbitError(code, 'it happened'))).toBe(cause);
  });

  it('is laid down for every code of what carries connections', () => {
    const known = new Set(rows.map(([code]) => code));
    const codes = ['hbone/src', 'http/src', 'reactor/src', 'ztunnel/src/data'].flatMap(codesOf);
    // What ends in an underscore is a prefix.
    const missing = codes.filter((code) => !known.has(code) && !ELSEWHERE.has(code) && !code.endsWith('_'));
    expect([...new Set(missing)]).toEqual([]);
    expect(codes).toContain('AMBIT_HBONE_RESET');
  });

  it('nothing, for an orderly end', () => {
    expect(failureCause(undefined)).toBeUndefined();
  });

  const refused = new SystemCallError('connect', ECONNREFUSED, '10.0.0.2:15008');
  const silent = new SystemCallError('connect', ETIMEDOUT, '10.0.0.2:15008');
  const expired = new TlsError('certificate-expired', 'us', 'test');
  const asPool = (cause: AmbitError): AmbitError =>
    new AmbitError(cause.code, `no tunnel connection to 10.0.0.2:15008: ${cause.message}`, { retryable: true, cause });
  const lost = (cause: AmbitError): AmbitError => new AmbitError('AMBIT_HBONE_LOST', 'lost', { cause });

  it.each<[string, AmbitError, FailureCause]>([
    ['nobody answers at port 15008', asPool(silent), 'hbone-timeout'],
    ['somebody refuses at port 15008', asPool(refused), 'connect'],
    ['a handshake that fails', asPool(expired), 'tls'],
    ['a plain connect that nobody answers', silent, 'connect'],
    ['an application that does not answer', applicationUnreachable({ ip: '10.0.0.2', port: 80 }, silent), 'connect'],
    ['a tunnel lost to a dead peer', lost(new AmbitError('AMBIT_HBONE_PING_TIMEOUT', 'silence')), 'hbone-timeout'],
    ['a tunnel lost to a broken protocol', lost(new Http2ConnectionError(1, 'a frame')), 'http2'],
    ['a tunnel lost to an end', lost(new AmbitError('AMBIT_HBONE_CLOSED', 'closed')), 'connect'],
    ['a tunnel lost to a defect', lost(new AmbitError('AMBIT_LOOP', 'threw')), 'connect'],
  ])('%s, by the cause within', (_name, error, cause) => {
    expect(failureCause(error)).toBe(cause);
  });
});
