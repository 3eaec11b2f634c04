import { formatSocketAddress } from '@ambit/core/address';
import {
  TCP_CLOSE_WAIT,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LISTEN,
  TCP_SYN_RECV,
  type TcpSocket,
} from '@ambit/native/tcp-sockets';
import { DNS_PORT, isProxyPort, PROBE_ADDRESSES } from '../ports.ts';

/** Bytes may still come or go, or will as soon as the handshake is over. */
const ALIVE: ReadonlySet<number> = new Set([
  TCP_ESTABLISHED,
  TCP_SYN_RECV,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_CLOSE_WAIT,
]);

/**
 * Among all sockets of a pod, the application's ends of connections that others opened to it and that do not pass through
 * the proxy. Which end opened a connection the kernel does not tell: the one is taken for the server's whose port is
 * listened on. Left out are the proxy's own connections, those within the pod (both of which show the other end in the
 * same table), and kubelet's probes, which are never redirected.
 */
export function directSockets(sockets: readonly TcpSocket[]): TcpSocket[] {
  const ports = new Set(sockets.filter(({ state }) => state === TCP_LISTEN).map(({ local }) => local.port));
  const candidates = sockets.filter(
    ({ state, local, remote }) =>
      ALIVE.has(state) &&
      ports.has(local.port) &&
      !isProxyPort(local.port) &&
      local.port !== DNS_PORT &&
      !isLoopback(local.ip) &&
      !PROBE_ADDRESSES.has(remote.ip),
  );
  if (candidates.length === 0) return candidates;
  const ends = new Set(
    sockets.map(({ local, remote }) => `${formatSocketAddress(local)} ${formatSocketAddress(remote)}`),
  );
  return candidates.filter(
    ({ local, remote }) => !ends.has(`${formatSocketAddress(remote)} ${formatSocketAddress(local)}`),
  );
}

function isLoopback(ip: string): boolean {
  return ip.startsWith('127.') || ip === '::1';
}
