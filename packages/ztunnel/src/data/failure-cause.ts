import type { AmbitError } from '@ambit/core/errors';
import type { FailureCause } from '@ambit/telemetry/response-flags';

const BY_CODE: Readonly<Record<string, FailureCause>> = {
  AMBIT_POLICY_DENIED: 'policy',
  AMBIT_PEER_DENIED: 'peer-policy',
  AMBIT_PEER_BAD_REQUEST: 'peer-target',
  AMBIT_PEER_UNAVAILABLE: 'peer-connect',
  AMBIT_IDENTITY_MISSING: 'identity',
  AMBIT_APPLICATION_UNREACHABLE: 'connect',
  AMBIT_DRAINED: 'drain',
};

const BY_PREFIX: readonly (readonly [string, FailureCause])[] = [
  ['AMBIT_ROUTE_', 'route'],
  ['AMBIT_TLS_', 'tls'],
  ['AMBIT_HBONE_IDENTITY', 'tls'],
  ['AMBIT_HBONE_PEER', 'tls'],
  ['AMBIT_HBONE_CONNECT_TIMEOUT', 'hbone-timeout'],
  ['AMBIT_HTTP2', 'http2'],
  ['AMBIT_H2', 'http2'],
  ['AMBIT_SYSCALL', 'connect'],
];

/** The class of an error for flags and metrics; undefined for none. The first known code along the chain of causes counts. */
export function failureCause(error: AmbitError | undefined): FailureCause | undefined {
  if (error === undefined) return undefined;
  const known = BY_CODE[error.code] ?? BY_PREFIX.find(([prefix]) => error.code.startsWith(prefix))?.[1];
  return known ?? 'other';
}
