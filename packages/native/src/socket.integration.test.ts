import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { close, duplicate } from './descriptor.ts';
import { datagramSource, datagramWasCut, receiveDatagram, sendDatagram } from './datagram.ts';
import { EPOLLIN, EPOLLOUT, Epoll } from './epoll.ts';
import { EADDRINUSE, EAGAIN, ECONNREFUSED, ECONNRESET, EINPROGRESS, SystemCallError } from './errno.ts';
import { openEvent, raiseEvent, takeEvent } from './eventfd.ts';
import { openTcpListener, openUdpListener } from './listening-socket.ts';
import { allocate } from './memory.ts';
import {
  SHUT_WR,
  accept4,
  acceptedPeer,
  connect,
  localAddress,
  openTcpSocket,
  peerAddress,
  recv,
  send,
  shutdown,
} from './socket.ts';
import { AF_INET, AF_INET6 } from './socket-address.ts';
import { setKeepalive, setNoDelay, setResetOnClose, setUserTimeout, takeError } from './socket-option.ts';
import { untilReadable } from './test-readiness.ts';

const memory = allocate(65_536);

function connectedPair(ip = '127.0.0.1'): { client: number; server: number } {
  const listener = openTcpListener({ address: { ip, port: 0 } });
  const client = openTcpSocket(ip.includes(':') ? AF_INET6 : AF_INET);
  expect([0, -EINPROGRESS]).toContain(connect(client, localAddress(listener)));
  untilReadable(listener);
  const server = accept4(listener);
  expect(server).toBeGreaterThan(0);
  close(listener);
  return { client, server };
}

describe('TCP sockets', () => {
  it('carry bytes both ways and tell the end of the stream', () => {
    const { client, server } = connectedPair();
    memory.bytes.write('hello');
    expect(send(client, memory.address, 5)).toBe(5);
    untilReadable(server);
    expect(recv(server, memory.address + 100, 100)).toBe(5);
    expect(memory.bytes.toString('latin1', 100, 105)).toBe('hello');
    expect(recv(server, memory.address, 100)).toBe(-EAGAIN);
    expect(shutdown(client, SHUT_WR)).toBe(0);
    untilReadable(server);
    expect(recv(server, memory.address, 100)).toBe(0);
    close(client);
    close(server);
  });

  it.each(['127.0.0.1', '::1'])('name both ends the same way on %s', (ip) => {
    const { client, server } = connectedPair(ip);
    expect(acceptedPeer()).toEqual(localAddress(client));
    expect(peerAddress(client)).toEqual(localAddress(server));
    expect(peerAddress(client).ip).toBe(ip);
    close(client);
    close(server);
  });

  it('show an IPv4 peer of a dual-stack listener as IPv4', () => {
    const listener = openTcpListener({ address: { ip: '::', port: 0 } });
    const client = openTcpSocket(AF_INET);
    connect(client, { ip: '127.0.0.1', port: localAddress(listener).port });
    untilReadable(listener);
    const server = accept4(listener);
    expect(acceptedPeer().ip).toBe('127.0.0.1');
    expect(localAddress(server).ip).toBe('127.0.0.1');
    for (const fd of [listener, client, server]) close(fd);
  });

  it('see a reset, not an end, after SO_LINGER 0', () => {
    const { client, server } = connectedPair();
    setResetOnClose(client);
    close(client);
    untilReadable(server);
    expect(recv(server, memory.address, 10)).toBe(-ECONNRESET);
    close(server);
  });

  it('report a refused connection through SO_ERROR', () => {
    const listener = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
    const address = localAddress(listener);
    close(listener);
    const client = openTcpSocket(AF_INET);
    expect(connect(client, address)).toBe(-EINPROGRESS);
    untilReadable(client);
    expect(takeError(client)).toBe(ECONNREFUSED);
    close(client);
  });

  it('name address and cause when a port is taken', () => {
    const first = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
    const address = localAddress(first);
    let thrown: unknown;
    try {
      openTcpListener({ address });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(SystemCallError);
    expect(thrown).toMatchObject({ code: 'AMBIT_SYSCALL', errno: EADDRINUSE, syscall: 'bind' });
    expect(String(thrown)).toContain(`bind(127.0.0.1:${address.port}): EADDRINUSE`);
    close(first);
  });

  it('take the options of the mesh', () => {
    const { client, server } = connectedPair();
    setNoDelay(client);
    setKeepalive(client, { idle: 180, interval: 180, probes: 9 });
    setUserTimeout(client, 30_000);
    expect(takeError(client)).toBe(0);
    close(client);
    close(server);
  });
});

describe('epoll', () => {
  it('tells which descriptor is ready for what, with the tag it was registered with', () => {
    const { client, server } = connectedPair();
    const epoll = new Epoll(8);
    epoll.add(server, EPOLLIN, 0x7fff_fff1);
    epoll.add(client, EPOLLOUT, 7);
    expect(epoll.wait(0)).toBe(1);
    expect([epoll.descriptorAt(0), epoll.eventsAt(0), epoll.tagAt(0)]).toEqual([client, EPOLLOUT, 7]);
    send(client, memory.address, 3);
    epoll.modify(client, EPOLLIN, 7);
    expect(epoll.wait(1000)).toBe(1);
    expect([epoll.descriptorAt(0), epoll.eventsAt(0), epoll.tagAt(0)]).toEqual([server, EPOLLIN, 0x7fff_fff1]);
    epoll.remove(server);
    expect(epoll.wait(0)).toBe(0);
    for (const fd of [client, server, epoll.fd]) close(fd);
  });

  it('wakes for an event counter that was raised', () => {
    const event = openEvent();
    const epoll = new Epoll(8);
    epoll.add(event, EPOLLIN, 1);
    expect(takeEvent(event)).toBe(false);
    raiseEvent(event);
    raiseEvent(event);
    expect(epoll.wait(1000)).toBe(1);
    expect(takeEvent(event)).toBe(true);
    expect(epoll.wait(0)).toBe(0);
    close(event);
    close(epoll.fd);
  });
});

describe('UDP sockets', () => {
  it.each(['127.0.0.1', '::1'])('tell the sender on %s, so that it can be answered', (ip) => {
    const server = openUdpListener({ address: { ip, port: 0 } });
    const client = openUdpListener({ address: { ip, port: 0 } });
    memory.bytes.write('query');
    expect(sendDatagram(client, memory.address, 5, localAddress(server))).toBe(5);
    untilReadable(server);
    expect(receiveDatagram(server, memory.address + 50, 512)).toBe(5);
    expect(datagramSource()).toEqual(localAddress(client));
    expect(receiveDatagram(server, memory.address, 512)).toBe(-EAGAIN);
    close(server);
    close(client);
  });

  it('say so when a datagram did not fit', () => {
    const server = openUdpListener({ address: { ip: '127.0.0.1', port: 0 } });
    sendDatagram(server, memory.address, 1000, localAddress(server));
    untilReadable(server);
    expect(receiveDatagram(server, memory.address, 100)).toBe(100);
    expect(datagramWasCut()).toBe(true);
    close(server);
  });
});

it('duplicates keep a file open until the last is closed', () => {
  const before = readdirSync('/proc/self/fd').length;
  const { client, server } = connectedPair();
  const copy = duplicate(server);
  close(server);
  memory.bytes.write('x');
  send(client, memory.address, 1);
  untilReadable(copy);
  expect(recv(copy, memory.address, 10)).toBe(1);
  close(copy);
  close(client);
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});
