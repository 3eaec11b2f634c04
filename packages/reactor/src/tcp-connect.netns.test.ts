import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';
import { close } from '@ambit/native/descriptor';
import { openTcpListener } from '@ambit/native/listening-socket';
import { createNetworkNamespace, inNamespace } from '@ambit/native/namespace';
import { EINPROGRESS } from '@ambit/native/errno';
import { connect, localAddress, openTcpSocket } from '@ambit/native/socket';
import { AF_INET } from '@ambit/native/socket-address';
import { getMark } from '@ambit/native/socket-option';
import { Listener } from './listener.ts';
import { type TcpConnectOptions, connectTcp } from './tcp-connect.ts';
import { TestLoop } from './test-loop.ts';

let loop: TestLoop;
let pod: number;
let listening: number;
let address: SocketAddress;
let listener: Listener;
let accepted: { fd: number; peer: SocketAddress }[] = [];

function ip(...args: string[]): void {
  inNamespace(pod, () => execFileSync('ip', args));
}

beforeAll(() => {
  pod = createNetworkNamespace();
  ip('link', 'set', 'lo', 'up');
  // As inside a captured pod: what carries the mark is delivered locally, whatever its address (routing table 100).
  ip('rule', 'add', 'fwmark', '0x539', 'lookup', '100');
  ip('route', 'add', 'local', '0.0.0.0/0', 'dev', 'lo', 'table', '100');
});
afterAll(() => {
  close(pod);
});

beforeEach(() => {
  loop = new TestLoop();
  listening = openTcpListener({ address: { ip: '127.0.0.1', port: 0 }, namespace: pod, mark: 1337 });
  address = localAddress(listening);
  accepted = [];
  listener = new Listener(loop.reactor, listening, { onAccept: (fd, peer) => accepted.push({ fd, peer }) });
});
afterEach(() => {
  listener.stop();
  loop.reactor.dispose();
  close(listening);
  expect(loop.errors).toEqual([]);
});

function attempt(options: Omit<TcpConnectOptions, 'destination'>): { fd?: number; error?: AmbitError } {
  const result: { fd?: number; error?: AmbitError } = {};
  connectTcp(
    loop.reactor,
    { destination: address, ...options },
    {
      onConnected: (fd) => {
        result.fd = fd;
      },
      onConnectFailed: (error) => {
        result.error = error;
      },
    },
  );
  loop.until(() => result.error !== undefined || (result.fd !== undefined && accepted.length > 0));
  return result;
}

describe('connecting inside a pod', () => {
  it('reaches a listener of the pod, which home cannot', () => {
    expect(attempt({}).error).toBeDefined();
    expect(attempt({ namespace: pod }).fd).toBeGreaterThan(0);
  });

  it('comes from the address of the original client, with the mark', () => {
    const { fd = -1 } = attempt({ namespace: pod, mark: 1337, source: { ip: '10.244.3.4', required: true } });
    expect(accepted[0]?.peer.ip).toBe('10.244.3.4');
    expect(getMark(fd)).toBe(1337);
  });

  it('may come from one address with one port to many destinations at once', () => {
    const source = { ip: '10.244.3.5', required: true };
    for (let count = 1; count <= 20; count += 1) {
      accepted = [];
      attempt({ namespace: pod, mark: 1337, source });
      expect(accepted[0]?.peer.ip).toBe('10.244.3.5');
    }
  });

  it.each(['10.244.3.6', undefined])('from %s, comes from the port it is given, if nothing has that already', (ip) => {
    const source = ip === undefined ? undefined : { ip, required: true };
    const from = (localPort: number): number | undefined => {
      accepted = [];
      const { fd } = attempt({ namespace: pod, mark: 1337, source, localPort });
      expect(fd).toBeDefined();
      return accepted[0]?.peer.port;
    };
    expect(from(45_678)).toBe(45_678);
    expect(from(45_678)).not.toBe(45_678);
    expect(from(45_679)).toBe(45_679);
    // No port that connect would choose: as if none was given.
    expect(from(80)).toBeGreaterThan(1_024);
    expect(from(0)).toBeGreaterThan(1_024);
  });

  it('comes from the port it is given over IPv6, too', () => {
    const other = openTcpListener({ address: { ip: '::1', port: 0 }, namespace: pod });
    let port: number | undefined;
    connectTcp(
      loop.reactor,
      { destination: localAddress(other), namespace: pod, localPort: 45_680 },
      {
        onConnected: (fd) => void (port = localAddress(fd).port),
        onConnectFailed: (error) => void expect.fail(error.message),
      },
    );
    loop.until(() => port !== undefined);
    expect(port).toBe(45_680);
    close(other);
  });

  it('takes the ports it is given from nobody else', () => {
    const range = '/proc/sys/net/ipv4/ip_local_port_range';
    const other = openTcpListener({ address: { ip: '127.0.0.1', port: 0 }, namespace: pod, mark: 1337 });
    inNamespace(pod, () => {
      writeFileSync(range, '40000 40003');
    });
    for (const localPort of [40_000, 40_001, 40_002, 40_003]) {
      accepted = [];
      attempt({ namespace: pod, mark: 1337, source: { ip: '10.244.3.7', required: true }, localPort });
      expect(accepted[0]?.peer.port).toBe(localPort);
    }
    const ours = inNamespace(pod, () => openTcpSocket(AF_INET));
    expect([0, -EINPROGRESS]).toContain(connect(ours, localAddress(other)));
    inNamespace(pod, () => {
      writeFileSync(range, '32768 60999');
    });
    for (const fd of [ours, other]) close(fd);
  });

  it('takes its own address when the other is of the wrong family and not required', () => {
    const { error } = attempt({ namespace: pod, mark: 1337, source: { ip: 'fd00::1', required: true } });
    expect(error).toBeDefined();
    attempt({ namespace: pod, mark: 1337, source: { ip: 'fd00::1', required: false } });
    expect(accepted.at(-1)?.peer.ip).toBe('127.0.0.1');
  });

  it('gives up after its time when packets vanish', () => {
    inNamespace(pod, () =>
      execFileSync('nft', ['-f', '-'], {
        input: `table ip filter { chain input { type filter hook input priority 0; tcp dport ${address.port} drop; }; }`,
      }),
    );
    const { error } = attempt({ namespace: pod, timeoutMs: 100 });
    expect(error).toMatchObject({ syscall: 'connect', retryable: true });
    expect(error?.message).toContain('ETIMEDOUT');
    inNamespace(pod, () => execFileSync('nft', ['delete', 'table', 'ip', 'filter']));
  });

  it('says that the pod is gone when its namespace is not valid any more', () => {
    expect(attempt({ namespace: 4711 }).error?.message).toMatch(/^setns\(descriptor 4711\): EBADF/);
  });
});
