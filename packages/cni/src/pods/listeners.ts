import { INBOUND_HBONE_PORT, INBOUND_PLAINTEXT_PORT, OUTBOUND_PORT } from '@ambit/capture/host-contract';
import { type TcpSocketEntry, tcpSockets } from '@ambit/enrolment/open-connections';

/** As in net/tcp_states.h. */
const LISTEN = 10;

const PROXY_PORTS: readonly number[] = [OUTBOUND_PORT, INBOUND_PLAINTEXT_PORT, INBOUND_HBONE_PORT];

/** The ports of the proxy on which nobody listens in a pod's namespace: a redirected connection would be refused there. */
export function missingListeners(namespace: number): number[] {
  return missingPorts(tcpSockets(namespace));
}

function missingPorts(sockets: readonly TcpSocketEntry[]): number[] {
  const served = new Set(sockets.filter(({ state }) => state === LISTEN).map(({ localPort }) => localPort));
  return PROXY_PORTS.filter((port) => !served.has(port));
}
