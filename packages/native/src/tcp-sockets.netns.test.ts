import { execFileSync } from 'node:child_process';
import type { SocketAddress } from '@ambit/core/address';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { close } from './descriptor.ts';
import { ECONNABORTED, ECONNRESET, EINPROGRESS } from './errno.ts';
import { openTcpListener } from './listening-socket.ts';
import { allocate } from './memory.ts';
import { createNetworkNamespace, inNamespace } from './namespace.ts';
import { accept4, connect, localAddress, openTcpSocket, recv } from './socket.ts';
import { familyOf } from './socket-address.ts';
import { destroyTcpSocket, TCP_ESTABLISHED, TCP_LISTEN, tcpSocketsOf } from './tcp-sockets.ts';
import { untilReadable } from './test-readiness.ts';

const memory = allocate(16);

describe('the TCP sockets of a namespace', () => {
  let namespace: number;
  const open: number[] = [];

  /** A connection within the namespace: the client's end and the server's. */
  const connection = (listen: string, dial: string): { client: number; server: number; to: SocketAddress } => {
    const listener = openTcpListener({ address: { ip: listen, port: 0 }, namespace });
    const to = { ip: dial, port: localAddress(listener).port };
    const client = inNamespace(namespace, () => openTcpSocket(familyOf(dial)));
    expect([0, -EINPROGRESS]).toContain(connect(client, to));
    untilReadable(listener);
    const server = accept4(listener);
    open.push(listener, client, server);
    return { client, server, to };
  };

  beforeEach(() => {
    namespace = createNetworkNamespace();
    inNamespace(namespace, () => execFileSync('ip', ['link', 'set', 'lo', 'up']));
  });
  afterEach(() => {
    for (const fd of [...open.splice(0), namespace]) close(fd);
  });

  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['::', '127.0.0.1'],
  ])('at %s, reached at %s, are listed with both ends, and one of them is ended alone', (listen, dial) => {
    const first = connection(listen, dial);
    const second = connection(listen, dial);
    const sockets = tcpSocketsOf(namespace);
    expect(sockets.filter(({ state }) => state === TCP_LISTEN)).toHaveLength(2);
    const accepted = sockets.filter(({ local, state }) => state === TCP_ESTABLISHED && local.port === first.to.port);
    expect(accepted).toMatchObject([{ local: first.to, remote: localAddress(first.client) }]);
    const [socket] = accepted;
    if (socket === undefined) throw new Error('no socket');

    expect(destroyTcpSocket(namespace, socket)).toBe(true);
    untilReadable(first.client);
    expect(recv(first.client, memory.address, 1)).toBe(-ECONNRESET);
    expect(recv(first.server, memory.address, 1)).toBe(-ECONNABORTED);
    expect(destroyTcpSocket(namespace, socket)).toBe(false);
    const left = tcpSocketsOf(namespace).filter(({ state }) => state === TCP_ESTABLISHED);
    expect(left.map(({ remote }) => remote)).toEqual(expect.arrayContaining([second.to, localAddress(second.client)]));
    expect(left).toHaveLength(2);
  });

  it('are all listed when there are many', () => {
    const listener = openTcpListener({ address: { ip: '127.0.0.1', port: 0 }, namespace, backlog: 1_024 });
    const to = localAddress(listener);
    open.push(listener);
    for (let count = 0; count < 900; count += 1) {
      const client = inNamespace(namespace, () => openTcpSocket(familyOf(to.ip)));
      open.push(client);
      connect(client, to);
    }
    const clients = tcpSocketsOf(namespace).filter(({ remote }) => remote.port === to.port);
    expect(new Set(clients.map(({ local }) => local.port)).size).toBe(900);
  });
});
