import { readFileSync } from 'node:fs';
import type { IpAddress } from '@ambit/core/address';
import { ipFromBytes } from '@ambit/core/address';
import { INBOUND_PLAINTEXT_PORT, OUTBOUND_PORT } from '@ambit/capture/host-contract';
import { inNamespace } from '@ambit/native/namespace';

/** A TCP socket of a network namespace. */
export interface TcpSocketEntry {
  readonly localIp: IpAddress;
  readonly localPort: number;
  readonly remoteIp: IpAddress;
  readonly remotePort: number;
  /** As in net/tcp_states.h. */
  readonly state: number;
}

const ESTABLISHED = 1;
const FIN_WAIT1 = 4;
const FIN_WAIT2 = 5;
const CLOSE_WAIT = 8;
const LAST_ACK = 9;
/** States in which bytes may still flow in one direction at least. */
const ALIVE: ReadonlySet<number> = new Set([ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK]);

/** All TCP sockets of a network namespace. */
export function tcpSockets(namespace: number): TcpSocketEntry[] {
  // /proc/net leads to the main thread's namespace, whichever thread asks.
  const read = (file: string): string => readFileSync(`/proc/thread-self/net/${file}`, 'latin1');
  return inNamespace(namespace, () => [...parseTcpTable(read('tcp')), ...parseTcpTable(read('tcp6'))]);
}

/**
 * How many connections of a pod pass through the proxy: those it accepted by redirection, and those it opened towards the
 * application in the name of a client elsewhere.
 */
export function connectionsThroughProxy(sockets: readonly TcpSocketEntry[], podIps: ReadonlySet<IpAddress>): number {
  return sockets.filter((socket) => {
    if (!ALIVE.has(socket.state)) return false;
    if (socket.localPort === OUTBOUND_PORT || socket.localPort === INBOUND_PLAINTEXT_PORT) return true;
    const own = podIps.has(socket.localIp) || socket.localIp.startsWith('127.') || socket.localIp === '::1';
    return !own;
  }).length;
}

/** Reads /proc/net/tcp or tcp6: addresses are hexadecimal words in the byte order of the machine (little-endian on all that are supported). */
export function parseTcpTable(text: string): TcpSocketEntry[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', remote = '', state = ''] = line.trim().split(/\s+/);
      const [localIp, localPort] = readEnd(local);
      const [remoteIp, remotePort] = readEnd(remote);
      if (localIp === undefined || remoteIp === undefined) return [];
      return [{ localIp, localPort, remoteIp, remotePort, state: Number.parseInt(state, 16) }];
    });
}

function readEnd(text: string): [IpAddress | undefined, number] {
  const [address = '', port = ''] = text.split(':');
  const bytes = Buffer.from(address, 'hex');
  if (bytes.length !== 4 && bytes.length !== 16) return [undefined, 0];
  return [ipFromBytes(bytes.swap32()), Number.parseInt(port, 16)];
}
