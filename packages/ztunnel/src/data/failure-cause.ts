import { AmbitError } from '@ambit/core/errors';
import { ETIMEDOUT, SystemCallError } from '@ambit/native/errno';
import type { FailureCause } from '@ambit/telemetry/response-flags';

const BY_CODE: ReadonlyMap<string, FailureCause> = new Map([
  ['AMBIT_POLICY_DENIED', 'policy'],
  ['AMBIT_PEER_DENIED', 'peer-policy'],
  ['AMBIT_PEER_BAD_REQUEST', 'peer-target'],
  ['AMBIT_PEER_UNAVAILABLE', 'peer-connect'],
  ['AMBIT_HBONE_REFUSED', 'peer-connect'],
  ['AMBIT_APPLICATION_UNREACHABLE', 'connect'],
  ['AMBIT_SYSCALL', 'connect'],
  ['AMBIT_HBONE_NO_ANSWER', 'hbone-timeout'],
  ['AMBIT_HBONE_PING_TIMEOUT', 'hbone-timeout'],
  ['AMBIT_HBONE_NO_IDENTITY', 'tls'],
  ['AMBIT_HBONE_WRONG_IDENTITY', 'tls'],
  ['AMBIT_HBONE_TRUST_DOMAIN', 'tls'],
  ['AMBIT_HBONE_NO_CERTIFICATE', 'identity'],
  // Made of our own certificate.
  ['AMBIT_TLS_CONTEXT', 'identity'],
  ['AMBIT_HPACK', 'http2'],
  ['AMBIT_HBONE_NOT_CONNECT', 'http2'],
  ['AMBIT_HBONE_RETIRED', 'route'],
  ['AMBIT_DRAINED', 'drain'],
  ['AMBIT_HBONE_DRAINING', 'drain'],
]);

const BY_PREFIX: readonly (readonly [string, FailureCause])[] = [
  ['AMBIT_ROUTE_', 'route'],
  ['AMBIT_TLS_', 'tls'],
  ['AMBIT_IDENTITY_', 'identity'],
  ['AMBIT_HTTP2_', 'http2'],
];

/** What these wrap says more; this is said when they wrap nothing that is known. */
const WITHOUT_CAUSE: ReadonlyMap<string, FailureCause> = new Map([
  ['AMBIT_CONNECT', 'connect'],
  ['AMBIT_HBONE_CLOSED', 'connect'],
  ['AMBIT_HBONE_CONNECT', 'connect'],
  ['AMBIT_HBONE_LOST', 'connect'],
]);

/** The class of an error for flags and metrics; undefined for none. The first known code along the chain of causes counts. */
export function failureCause(error: AmbitError | undefined): FailureCause | undefined {
  if (error === undefined) return undefined;
  let found: FailureCause | undefined;
  for (let link: unknown = error; link instanceof AmbitError; link = link.cause) {
    // The pool tells tunnels why there is no connection under the code of its cause.
    if (link.cause instanceof AmbitError && link.cause.code === link.code) continue;
    if (link !== error && connectTimedOut(link)) return 'hbone-timeout';
    const { code } = link;
    const known = BY_CODE.get(code) ?? BY_PREFIX.find(([prefix]) => code.startsWith(prefix))?.[1];
    if (known !== undefined) return known;
    found ??= WITHOUT_CAUSE.get(code);
  }
  return found ?? 'other';
}

/** Beneath another error this is the connect of a tunnel connection; that to an application has a code of its own. */
function connectTimedOut(error: AmbitError): boolean {
  return error instanceof SystemCallError && error.syscall === 'connect' && error.errno === ETIMEDOUT;
}
