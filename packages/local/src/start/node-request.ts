import { request } from 'node:http';
import { Socket } from 'node:net';
import { AmbitError } from '@ambit/core/errors';
import type { SocketAddress } from '@ambit/core/address';
import { close } from '@ambit/native/descriptor';
import { EINPROGRESS, errnoName } from '@ambit/native/errno';
import { inNamespace } from '@ambit/native/namespace';
import { AF_INET } from '@ambit/native/socket-address';
import { connect, openTcpSocket } from '@ambit/native/socket';

/** How long a listener of a proxy may take to answer, in milliseconds. */
const REQUEST_TIMEOUT = 5_000;

/**
 * A connection from inside a network namespace. It is under way when this returns, and fails by `error` like every
 * other one. Node's own `connect` would leave the namespace again before it makes the socket.
 */
export function connectInside(namespace: number, address: SocketAddress): Socket {
  const descriptor = inNamespace(namespace, () => {
    const fd = openTcpSocket(AF_INET);
    const result = connect(fd, address);
    if (result < 0 && result !== -EINPROGRESS) {
      close(fd);
      throw new AmbitError('AMBIT_CONNECT', `${address.ip}:${address.port} inside a node: ${errnoName(-result)}`, {
        source: 'system',
        retryable: true,
      });
    }
    return fd;
  });
  return new Socket({ fd: descriptor, readable: true, writable: true });
}

/** One HTTP request to a listener on loopback inside a namespace. Rejects when it is not answered with 200. */
export function requestInside(namespace: number, port: number, method: 'GET' | 'POST', path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({
      method,
      path,
      host: '127.0.0.1',
      port,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT),
      createConnection: () => connectInside(namespace, { ip: '127.0.0.1', port }),
    });
    call.on('error', reject);
    call.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(body);
        else
          reject(
            new AmbitError('AMBIT_STATUS', `${method} ${path} is answered with ${response.statusCode ?? 0}: ${body}`),
          );
      });
    });
    call.end();
  });
}
