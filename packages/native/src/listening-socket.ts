import type { SocketAddress } from '@ambit/core/address';
import { guarded } from './descriptor.ts';
import { LISTEN_BACKLOG } from './limits.ts';
import { inNamespace } from './namespace.ts';
import { bind, listen, openTcpSocket, openUdpSocket } from './socket.ts';
import { AF_INET6, familyOf } from './socket-address.ts';
import { setMark, setReuseAddress, setReusePort, setTransparent, setV6Only } from './socket-option.ts';

export interface ListeningSocketOptions {
  readonly address: SocketAddress;
  /** The network namespace it belongs to. Default: the thread's own. */
  readonly namespace?: number;
  /** SO_MARK; accepted connections inherit it. */
  readonly mark?: number;
  /** Accept connections to foreign addresses: not, if the privileges allow it, or else fail. Default `no`. */
  readonly transparent?: 'no' | 'preferred' | 'required';
  /** SO_REUSEPORT: several processes of one user may listen on the address. Default false. */
  readonly reusePort?: boolean;
  /** An IPv6 wildcard address takes IPv4 as well. Default true. */
  readonly dualStack?: boolean;
}

export function openTcpListener(options: ListeningSocketOptions & { readonly backlog?: number }): number {
  return within(options.namespace, () =>
    guarded(openTcpSocket(familyOf(options.address.ip)), (fd) => {
      setReuseAddress(fd);
      prepare(fd, options);
      listen(fd, options.backlog ?? LISTEN_BACKLOG);
    }),
  );
}

export function openUdpListener(options: ListeningSocketOptions): number {
  return within(options.namespace, () =>
    guarded(openUdpSocket(familyOf(options.address.ip)), (fd) => prepare(fd, options)),
  );
}

function prepare(fd: number, options: ListeningSocketOptions): void {
  const family = familyOf(options.address.ip);
  if (options.reusePort === true) setReusePort(fd);
  if (options.mark !== undefined) setMark(fd, options.mark);
  if (family === AF_INET6) setV6Only(fd, options.dualStack === false);
  if (options.transparent === 'required') setTransparent(fd, family);
  if (options.transparent === 'preferred') {
    try {
      setTransparent(fd, family);
    } catch {
      // Without CAP_NET_ADMIN there are no redirected connections to accept either.
    }
  }
  bind(fd, options.address);
}

function within<T>(namespace: number | undefined, run: () => T): T {
  return namespace === undefined ? run() : inNamespace(namespace, run);
}
