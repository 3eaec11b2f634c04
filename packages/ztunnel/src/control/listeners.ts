import { close } from '@ambit/native/descriptor';
import { type ListeningSocketOptions, openTcpListener, openUdpListener } from '@ambit/native/listening-socket';
import { inNamespace } from '@ambit/native/namespace';
import { connect, localAddress, SHUT_RD, shutdown } from '@ambit/native/socket';
import { setKeepalive, setNoDelay } from '@ambit/native/socket-option';
import { readFileSync } from 'node:fs';
import type { Config } from '../config.ts';
import { KEEPALIVE } from '@ambit/proxy/keepalive';
import { LISTEN_BACKLOG } from '../limits.ts';
import type { PodListeners } from '../messages.ts';
import { DNS_PORT, HBONE_PORT, OUTBOUND_PORT, PLAINTEXT_PORT } from '../ports.ts';

/** RFC 863. */
const DISCARD_PORT = 9;

/**
 * Makes the listeners of a pod inside its network namespace: all of them, or none and an error that names the port.
 * They share their ports with those of another ztunnel that serves the same pod (SO_REUSEPORT): an upgrade overlaps.
 */
export function openListeners(namespace: number, config: Config): PodListeners {
  const ipv6 = config.ipv6 && inNamespace(namespace, hasIpv6);
  const wildcard = ipv6 ? '::' : '0.0.0.0';
  const loopbacks = ipv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1'];
  const opened: number[] = [];
  const options = (ip: string, port: number): ListeningSocketOptions => ({
    address: { ip, port },
    namespace,
    mark: config.packetMark,
    reusePort: true,
    transparent: 'preferred',
  });
  const tcp = (ip: string, port: number): number => {
    const fd = openTcpListener({ ...options(ip, port), backlog: LISTEN_BACKLOG });
    opened.push(fd);
    // Accepted connections inherit these, which saves five system calls for each.
    setNoDelay(fd);
    setKeepalive(fd, KEEPALIVE);
    return fd;
  };
  const udp = (ip: string, port: number): number => {
    const fd = openUdpListener(options(ip, port));
    opened.push(fd);
    return fd;
  };
  try {
    return {
      outbound: tcp(wildcard, OUTBOUND_PORT),
      plaintext: tcp(wildcard, PLAINTEXT_PORT),
      hbone: tcp(wildcard, HBONE_PORT),
      dnsUdp: config.dnsCapture ? loopbacks.map((ip) => udp(ip, DNS_PORT)) : [],
      dnsTcp: config.dnsCapture ? loopbacks.map((ip) => tcp(ip, DNS_PORT)) : [],
    };
  } catch (error) {
    for (const fd of opened) close(fd);
    throw error;
  }
}

/** Every descriptor of a pod's listeners, in a fixed order. */
export function listenerDescriptors(listeners: PodListeners): number[] {
  return [listeners.outbound, listeners.plaintext, listeners.hbone, ...listeners.dnsUdp, ...listeners.dnsTcp];
}

/** The listeners from their descriptors in the order of `listenerDescriptors`. */
export function listenersFrom(
  descriptors: readonly number[],
  layout: { readonly dnsUdp: number; readonly dnsTcp: number },
): PodListeners | undefined {
  const [outbound, plaintext, hbone, ...dns] = descriptors;
  if (
    outbound === undefined ||
    plaintext === undefined ||
    hbone === undefined ||
    dns.length !== layout.dnsUdp + layout.dnsTcp
  )
    return undefined;
  return { outbound, plaintext, hbone, dnsUdp: dns.slice(0, layout.dnsUdp), dnsTcp: dns.slice(layout.dnsUdp) };
}

/**
 * Stops the TCP listeners for every process that has them. The kernel moves what waits in their queues to the
 * listeners of a second ztunnel in the same pod (net.ipv4.tcp_migrate_req), or resets it when there is none.
 */
export function stopListening(listeners: PodListeners): void {
  for (const fd of [listeners.outbound, listeners.plaintext, listeners.hbone, ...listeners.dnsTcp])
    shutdown(fd, SHUT_RD);
  // A datagram socket has no such end, and would go on taking its share from those of a successor. Connected to a port
  // that sends nothing it takes nothing new, for every process that has it, and what it has taken can still be read.
  for (const fd of listeners.dnsUdp) connect(fd, { ip: localAddress(fd).ip, port: DISCARD_PORT });
}

export function closeListeners(listeners: PodListeners): void {
  for (const fd of listenerDescriptors(listeners)) close(fd);
}

// Without ::1 on the pod's loopback an IPv6 listener cannot be bound, and the pod has no IPv6 traffic to capture.
function hasIpv6(): boolean {
  try {
    return readFileSync('/proc/thread-self/net/if_inet6', 'latin1').includes('00000000000000000000000000000001');
  } catch {
    return false;
  }
}
