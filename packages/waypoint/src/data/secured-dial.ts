import { formatSocketAddress, type SocketAddress } from '@ambit/core/address';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { DuplexEndpoint } from '@ambit/reactor/endpoint';
import { LayeredTlsEndpoint } from '@ambit/reactor/layered-tls-endpoint';
import type { Reactor } from '@ambit/reactor/reactor';
import type { EndpointTransport } from './transport-choice.ts';
import { objectionTo, sniOf, type UpstreamTlsContexts } from './upstream-tls.ts';

/**
 * Puts a transport on an open connection: the PROXY header first, then TLS. `done` is called once, possibly from within, with what
 * application bytes go on, or with why there is none; the connection is closed then.
 */
export function secure(
  reactor: Reactor,
  contexts: UpstreamTlsContexts,
  below: DuplexEndpoint,
  { proxyHeader, tls }: EndpointTransport,
  to: { readonly address: SocketAddress; readonly protocols: readonly string[]; readonly timeoutMs: number },
  done: (secured: AmbitError | DuplexEndpoint) => void,
): void {
  if (proxyHeader !== undefined) {
    if (!below.output.room(proxyHeader.length)) {
      // Without it the endpoint would take the waypoint for the client.
      const error = new AmbitError('AMBIT_INTERNAL', 'no room for the PROXY header on a new connection');
      below.destroy(error, true);
      done(error);
      return;
    }
    below.output.end += proxyHeader.copy(below.output.bytes, below.output.end);
  }
  if (tls === undefined) {
    done(below);
    return;
  }
  const { settings, serverName } = tls;
  const failed = (error: unknown): void => {
    done(tlsFailed(to.address, serverName, error));
  };
  try {
    const options = {
      context: contexts.contextOf(settings),
      serverName: sniOf(serverName),
      protocols: to.protocols,
      judge: (certificate: Parameters<typeof objectionTo>[0]): string | undefined =>
        objectionTo(certificate, settings, serverName),
      timeoutMs: to.timeoutMs,
    };
    new LayeredTlsEndpoint(reactor, below, options, { onSecured: done, onFailed: failed });
  } catch (thrown) {
    below.destroy(undefined, true);
    failed(thrown);
  }
}

/** Why there is no TLS with an endpoint, under the code of the cause. */
function tlsFailed(address: SocketAddress, serverName: string, cause: unknown): AmbitError {
  const code = cause instanceof AmbitError ? cause.code : 'AMBIT_INTERNAL';
  const where = `${formatSocketAddress(address)} as ${serverName === '' ? 'nobody' : serverName}`;
  return new AmbitError(code, `no TLS with ${where}: ${messageOf(cause)}`, { source: 'peer', retryable: true, cause });
}
