import type { TunnelObserver, TunnelSide } from '@ambit/hbone/observer';
import { CONNECT_RETRIES, HANDSHAKE_SECONDS, HANDSHAKES } from '@ambit/telemetry/families';
import type { Metrics } from '@ambit/telemetry/metrics';

/** Counts what becomes of tunnel connections, both sides. */
export function tunnelMetrics(metrics: Metrics): TunnelObserver {
  return {
    onConnection: (side, _peer, milliseconds) => {
      metrics.number(HANDSHAKES, reporterOf(side), 'ok').value += 1;
      metrics.histogram(HANDSHAKE_SECONDS, reporterOf(side)).observe(milliseconds / 1_000);
    },
    onConnectionFailed: (side, _peer, error) => {
      metrics.number(HANDSHAKES, reporterOf(side), error.code).value += 1;
    },
    onConnectionClosed: () => undefined,
    onRetry: (_peer, error) => {
      metrics.number(CONNECT_RETRIES, error.code).value += 1;
    },
  };
}

function reporterOf(side: TunnelSide): 'destination' | 'source' {
  return side === 'client' ? 'source' : 'destination';
}
