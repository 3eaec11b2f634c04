import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';
import { close, duplicate, openReadOnly } from '@ambit/native/descriptor';
import { ECONNREFUSED } from '@ambit/native/errno';
import { openTcpListener, openUdpListener } from '@ambit/native/listening-socket';
import { homeNamespace } from '@ambit/native/namespace';
import { SHUT_RDWR, connect, localAddress, openTcpSocket, shutdown } from '@ambit/native/socket';
import { AF_INET } from '@ambit/native/socket-address';
import { ACCEPT_PAUSE_MS } from './limits.ts';
import { Listener } from './listener.ts';
import { connectTcp } from './tcp-connect.ts';
import { TestLoop } from './test-loop.ts';
import { UdpEndpoint } from './udp-endpoint.ts';

let loop: TestLoop;
let openFiles: number;
beforeEach(() => {
  // Opened once per thread and kept.
  homeNamespace();
  openFiles = readdirSync('/proc/self/fd').length;
  loop = new TestLoop();
});
afterEach(() => {
  loop.reactor.dispose();
  expect(loop.errors).toEqual([]);
  expect(readdirSync('/proc/self/fd').length).toBe(openFiles);
});

function listen(): { fd: number; address: SocketAddress } {
  const fd = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
  return { fd, address: localAddress(fd) };
}

interface Attempt {
  fd?: number;
  error?: AmbitError;
}

function attempt(options: Parameters<typeof connectTcp>[1]): { result: Attempt; cancel: () => void } {
  const result: Attempt = {};
  const pending = connectTcp(loop.reactor, options, {
    onConnected: (fd) => {
      result.fd = fd;
    },
    onConnectFailed: (error) => {
      result.error = error;
    },
  });
  return { result, cancel: () => pending.cancel() };
}

describe('connecting', () => {
  it('hands over a connected descriptor', () => {
    const { fd, address } = listen();
    const { result } = attempt({ destination: address });
    expect(result).toEqual({});
    loop.until(() => result.fd !== undefined);
    expect(localAddress(result.fd ?? -1).ip).toBe('127.0.0.1');
    loop.reactor.close(result.fd ?? -1);
    close(fd);
  });

  it('says who refused', () => {
    const { fd, address } = listen();
    close(fd);
    const { result } = attempt({ destination: address });
    loop.until(() => result.error !== undefined);
    expect(result.error).toMatchObject({ syscall: 'connect', errno: ECONNREFUSED, retryable: true });
    expect(result.error?.message).toContain(`connect(127.0.0.1:${address.port}): ECONNREFUSED`);
  });

  it('reports what fails at once later too, never from within the call', () => {
    const { result } = attempt({ destination: { ip: '127.0.0.1', port: 1 }, namespace: 999_999 });
    expect(result).toEqual({});
    loop.until(() => result.error !== undefined);
    expect(result.error).toMatchObject({ syscall: 'setns' });
  });

  it('calls nobody back after it was cancelled', () => {
    const { fd, address } = listen();
    const first = attempt({ destination: address });
    first.cancel();
    first.cancel();
    const second = attempt({ destination: address });
    loop.until(() => second.result.fd !== undefined);
    second.cancel();
    expect(first.result).toEqual({});
    loop.reactor.close(second.result.fd ?? -1);
    close(fd);
  });

  it('an owner that throws: the connection is closed, unless somebody has taken it', () => {
    const { fd, address } = listen();
    const taken: number[] = [];
    const connectAndThrow = (take: boolean): void => {
      connectTcp(
        loop.reactor,
        { destination: address },
        {
          onConnected: (connected) => {
            if (take) {
              loop.reactor.register(connected, 0, { onReady: () => undefined, destroy: () => undefined });
              taken.push(connected);
            }
            throw new Error('no room');
          },
          onConnectFailed: () => undefined,
        },
      );
    };
    connectAndThrow(false);
    connectAndThrow(true);
    const before = loop.reactor.ledger.size().descriptors;
    loop.until(() => loop.errors.length === 2);
    expect(loop.errors.splice(0)[0]?.message).toContain('no room');
    expect(loop.reactor.ledger.size().descriptors).toBe(before - 1);
    expect(loop.reactor.ledger.hasDescriptor(taken[0] ?? -1)).toBe(true);
    loop.reactor.close(taken[0] ?? -1);
    close(fd);
  });

  it('gives up after its time when nobody answers', () => {
    // A full backlog of nobody who accepts: the kernel drops further connection requests.
    const fd = openTcpListener({ address: { ip: '127.0.0.1', port: 0 }, backlog: 0 });
    const address = localAddress(fd);
    const fillers = [attempt({ destination: address }), attempt({ destination: address })];
    loop.until(() => fillers[0]?.result.fd !== undefined);
    loop.pass(20);
    const { result } = attempt({ destination: address, timeoutMs: 60 });
    loop.until(() => result.error !== undefined, 3000);
    expect(result.error?.message).toContain('ETIMEDOUT');
    for (const filler of fillers) {
      filler.cancel();
      if (filler.result.fd !== undefined) loop.reactor.close(filler.result.fd);
    }
    close(fd);
  });
});

describe('a listener', () => {
  it('accepts many connections at once and names their peers', () => {
    const { fd, address } = listen();
    const peers: SocketAddress[] = [];
    const listener = new Listener(loop.reactor, fd, {
      onAccept: (connection, peer) => {
        peers.push(peer);
        loop.reactor.close(connection);
      },
    });
    const attempts = Array.from({ length: 200 }, () => attempt({ destination: address }));
    loop.until(() => peers.length === 200 && attempts.every(({ result }) => result.fd !== undefined));
    const own = attempts.map(({ result }) => localAddress(result.fd ?? -1).port);
    expect(new Set(peers.map(({ port }) => port))).toEqual(new Set(own));
    for (const { result } of attempts) loop.reactor.close(result.fd ?? -1);
    listener.stop();
    close(fd);
  });

  it('is shared by loops, and each connection goes to one of them', () => {
    const { fd, address } = listen();
    const other = new TestLoop();
    let here = 0;
    let there = 0;
    const mine = new Listener(loop.reactor, fd, { onAccept: () => (here += 1) });
    const theirs = new Listener(other.reactor, fd, { onAccept: () => (there += 1) });
    const attempts = Array.from({ length: 50 }, () => attempt({ destination: address }));
    loop.until(() => {
      other.reactor.runTurn(0);
      return here + there === 50 && attempts.every(({ result }) => result.fd !== undefined);
    });
    mine.stop();
    attempt({ destination: address });
    other.until(() => here + there === 51);
    theirs.stop();
    other.reactor.dispose();
    close(fd);
  });

  it('survives an owner that throws: that connection is closed, the next is accepted', () => {
    const { fd, address } = listen();
    let accepted = 0;
    const listener = new Listener(loop.reactor, fd, {
      onAccept: (connection) => {
        accepted += 1;
        if (accepted === 1) throw new Error('first');
        loop.reactor.close(connection);
      },
    });
    const attempts = [attempt({ destination: address }), attempt({ destination: address })];
    loop.until(() => accepted === 2 && attempts.every(({ result }) => result.fd !== undefined));
    expect(loop.errors.map((error) => error.message)).toEqual(['a handler of the loop threw: first']);
    loop.errors.length = 0;
    listener.stop();
    close(fd);
  });

  it('an owner that throws after it closed the connection: what has the same number now is left alone', () => {
    const { fd, address } = listen();
    const others: UdpEndpoint[] = [];
    const listener = new Listener(loop.reactor, fd, {
      onAccept: (connection) => {
        loop.reactor.close(connection);
        const other = openUdpListener({ address: { ip: '127.0.0.1', port: 0 } });
        expect(other).toBe(connection);
        loop.reactor.adopt(other);
        others.push(new UdpEndpoint(loop.reactor, other, { onDatagram: () => undefined }));
        throw new Error('too late');
      },
    });
    const { result } = attempt({ destination: address });
    loop.until(() => loop.errors.length === 1);
    expect(loop.errors.splice(0)[0]?.message).toContain('too late');
    expect(loop.reactor.ledger.hasDescriptor(others[0]?.fd ?? -1)).toBe(true);
    others[0]?.destroy();
    loop.until(() => result.fd !== undefined);
    listener.stop();
    close(fd);
  });

  it('rests while the process is out of descriptors, and accepts afterwards', () => {
    const { fd, address } = listen();
    const pauses: string[] = [];
    let accepted = 0;
    const listener = new Listener(loop.reactor, fd, {
      onAccept: () => (accepted += 1),
      onAcceptPaused: (error) => pauses.push(error.message),
    });
    const client = openTcpSocket(AF_INET);
    loop.reactor.adopt(client);
    connect(client, address);
    const restore = exhaustDescriptors();
    loop.pass(ACCEPT_PAUSE_MS * 3);
    restore();
    expect(accepted).toBe(0);
    // Resting means: a handful of attempts, not thousands.
    expect(pauses.length).toBeGreaterThanOrEqual(1);
    expect(pauses.length).toBeLessThanOrEqual(5);
    expect(pauses[0]).toContain('EMFILE');
    loop.until(() => accepted === 1);
    listener.stop();
    close(fd);
  });

  it('notices that its owner took it out of service', () => {
    const { fd } = listen();
    let ended = false;
    new Listener(loop.reactor, fd, {
      onAccept: () => undefined,
      onListenerEnd: (error) => {
        ended = error === undefined;
      },
    });
    shutdown(fd, SHUT_RDWR);
    loop.until(() => ended);
    close(fd);
  });
});

/** Opens files until no more can be, with the limit lowered so that this ends soon. */
function exhaustDescriptors(): () => void {
  const opened: number[] = [openReadOnly('/dev/null')];
  const [first = -1] = opened;
  for (;;) {
    try {
      opened.push(duplicate(first));
    } catch {
      break;
    }
  }
  return () => opened.forEach(close);
}
