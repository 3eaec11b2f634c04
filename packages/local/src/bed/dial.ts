import { Socket } from 'node:net';
import { formatSocketAddress, isIpv6, type SocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import { close } from '@ambit/native/descriptor';
import { EINPROGRESS, errnoName } from '@ambit/native/errno';
import { inNamespace } from '@ambit/native/namespace';
import { connect, openTcpSocket } from '@ambit/native/socket';
import { AF_INET, AF_INET6 } from '@ambit/native/socket-address';

/**
 * A connection from inside a network namespace, under way when this returns. It fails by `error` like any other; one that
 * is refused at once throws `AMBIT_CONNECT`. (Node's own `connect` would have left the namespace before it makes the socket.)
 */
export function dialInside(namespace: number, address: SocketAddress): Socket {
  const fd = inNamespace(namespace, () => openTcpSocket(isIpv6(address.ip) ? AF_INET6 : AF_INET));
  const result = connect(fd, address);
  if (result < 0 && result !== -EINPROGRESS) {
    close(fd);
    throw new AmbitError('AMBIT_CONNECT', `${formatSocketAddress(address)}: ${errnoName(-result)}`, {
      source: 'system',
      retryable: true,
    });
  }
  return new Socket({ fd, readable: true, writable: true });
}
