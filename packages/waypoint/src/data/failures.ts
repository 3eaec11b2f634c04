import { formatSocketAddress, type SocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import type { Reason } from '@ambit/hbone/reason';

/** The proxy of an endpoint answered a CONNECT with something else than 200. */
export function endpointRefused(address: SocketAddress, status: number, reason: Reason | undefined): AmbitError {
  const said =
    reason === undefined ? '' : `: ${reason.code}${reason.policy === undefined ? '' : ` by ${reason.policy}`}`;
  const code = status === 401 ? 'AMBIT_PEER_DENIED' : 'AMBIT_PEER_UNAVAILABLE';
  return new AmbitError(code, `the proxy of ${formatSocketAddress(address)} answered ${status}${said}`, {
    source: 'peer',
    retryable: status === 503,
  });
}

/** The proxy of an endpoint did not answer a CONNECT within the time that the cluster has for connecting. */
export function endpointLate(address: SocketAddress, timeoutMs: number): AmbitError {
  return new AmbitError(
    'AMBIT_UPSTREAM_LATE',
    `no connection to ${formatSocketAddress(address)} within ${timeoutMs} ms (connectionPool.tcp.connectTimeout)`,
    { source: 'peer', retryable: true },
  );
}
