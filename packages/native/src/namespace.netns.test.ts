import { execFileSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { close, openReadOnly } from './descriptor.ts';
import { EADDRNOTAVAIL } from './errno.ts';
import { openTcpListener } from './listening-socket.ts';
import { allocate } from './memory.ts';
import { createNetworkNamespace, homeNamespace, inNamespace, namespaceIdentity, openNamespace } from './namespace.ts';
import { openPacketTap } from './packet-socket.ts';
import { effectiveCapabilities, openFileLimit, openProcess, raiseOpenFileLimit } from './process.ts';
import {
  accept4,
  acceptedPeer,
  bind,
  connect,
  localAddress,
  openTcpSocket,
  peerAddress,
  recv,
  send,
} from './socket.ts';
import { AF_INET, AF_INET6, familyOf } from './socket-address.ts';
import {
  getMark,
  originalDestination,
  setBindAddressNoPort,
  setFreebind,
  setMark,
  setTransparent,
} from './socket-option.ts';
import { readSysctl, writeSysctl } from './sysctl.ts';
import { untilReadable } from './test-readiness.ts';

const memory = allocate(4096);
let pod: number;

/** Runs a command inside a namespace: children start in the thread's namespace of the moment. */
function command(namespace: number, file: string, args: readonly string[], input = ''): void {
  inNamespace(namespace, () => execFileSync(file, args, { input, stdio: ['pipe', 'pipe', 'pipe'] }));
}

beforeAll(() => {
  pod = createNetworkNamespace();
  command(pod, 'ip', ['link', 'set', 'lo', 'up']);
});
afterAll(() => {
  close(pod);
});

function connectWithin(
  namespace: number,
  target: { ip: string; port: number },
  prepare: (fd: number) => void = () => undefined,
): number {
  return inNamespace(namespace, () => {
    const fd = openTcpSocket(familyOf(target.ip));
    prepare(fd);
    connect(fd, target);
    return fd;
  });
}

describe('a network namespace', () => {
  it('is entered for the length of a call and left again', () => {
    const home = readlinkSync('/proc/thread-self/ns/net');
    const inside = inNamespace(pod, () => readlinkSync('/proc/thread-self/ns/net'));
    expect(inside).not.toBe(home);
    expect(readlinkSync('/proc/thread-self/ns/net')).toBe(home);
    expect(inside).toBe(`net:[${namespaceIdentity(pod).inode}]`);
    expect(namespaceIdentity(homeNamespace()).inode).not.toBe(namespaceIdentity(pod).inode);
  });

  it('is left again when the call throws', () => {
    const home = readlinkSync('/proc/thread-self/ns/net');
    expect(() =>
      inNamespace(pod, () => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(readlinkSync('/proc/thread-self/ns/net')).toBe(home);
  });

  it('can be entered from within another and is left in order', () => {
    const other = createNetworkNamespace();
    const seen = inNamespace(pod, () => [
      inNamespace(other, () => readlinkSync('/proc/thread-self/ns/net')),
      readlinkSync('/proc/thread-self/ns/net'),
    ]);
    expect(seen).toEqual([`net:[${namespaceIdentity(other).inode}]`, `net:[${namespaceIdentity(pod).inode}]`]);
    close(other);
  });

  it('has its identity by file, whatever the descriptor', () => {
    const again = openNamespace(`/proc/self/fd/${pod}`);
    expect(namespaceIdentity(again)).toEqual(namespaceIdentity(pod));
    close(again);
  });

  it('is refused with a reason when the descriptor is something else', () => {
    const file = openReadOnly('/dev/null');
    expect(() => inNamespace(file, () => 1)).toThrow(/EINVAL.*not a network namespace/);
    close(file);
  });

  it('keeps its sockets for itself: a listener inside is not reachable from home', () => {
    const listener = openTcpListener({ address: { ip: '127.0.0.1', port: 0 }, namespace: pod });
    const address = localAddress(listener);
    const outside = openTcpSocket(AF_INET);
    expect(connect(outside, address)).toBeLessThan(0);
    const client = connectWithin(pod, address);
    untilReadable(listener);
    const server = accept4(listener);
    expect(server).toBeGreaterThan(0);
    for (const fd of [listener, outside, client, server]) close(fd);
  });

  it('is entered by a worker thread without moving the others', async () => {
    const home = readlinkSync('/proc/thread-self/ns/net');
    const worker = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
       const { readlinkSync } = require('node:fs');
       import(workerData.module).then(({ inNamespace }) => {
         parentPort.postMessage([inNamespace(workerData.pod, () => readlinkSync('/proc/thread-self/ns/net')), readlinkSync('/proc/thread-self/ns/net')]);
       });`,
      { eval: true, workerData: { pod, module: new URL('./namespace.ts', import.meta.url).href } },
    );
    const seen = await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    expect(seen).toEqual([`net:[${namespaceIdentity(pod).inode}]`, home]);
    await worker.terminate();
  });

  it('has sysctls of its own', () => {
    inNamespace(pod, () => writeSysctl('net.ipv4.tcp_migrate_req', '1'));
    expect(inNamespace(pod, () => readSysctl('net.ipv4.tcp_migrate_req'))).toBe('1');
    expect(readSysctl('net.ipv4.tcp_migrate_req')).toBe('0');
    expect(inNamespace(pod, () => readSysctl('net.ipv4.conf.lo.rp_filter'))).toMatch(/^[012]$/);
    expect(() => readSysctl('net.ipv4.no_such_thing')).toThrow('cannot read net.ipv4.no_such_thing');
    expect(() => readSysctl('net.ipv4.../../etc')).toThrow('is not a sysctl');
  });
});

describe('privileged socket options', () => {
  it('mark a socket, and what a marked listener accepts', () => {
    const listener = openTcpListener({ address: { ip: '127.0.0.1', port: 0 }, namespace: pod, mark: 1337 });
    expect(getMark(listener)).toBe(1337);
    const client = connectWithin(pod, localAddress(listener), (fd) => setMark(fd, 0x111));
    expect(getMark(client)).toBe(0x111);
    untilReadable(listener);
    const server = accept4(listener);
    expect(getMark(server)).toBe(1337);
    for (const fd of [listener, client, server]) close(fd);
  });

  it.each(['10.9.8.7', 'fd00::987'])('connect from %s, which no interface has', (source) => {
    const v6 = source.includes(':');
    command(pod, 'ip', [
      ...(v6 ? ['-6'] : []),
      'route',
      'replace',
      'local',
      `${source}/${v6 ? 128 : 32}`,
      'dev',
      'lo',
      'table',
      '100',
    ]);
    command(pod, 'ip', [...(v6 ? ['-6'] : []), 'rule', 'add', 'fwmark', '0x111', 'lookup', '100']);
    const family = v6 ? AF_INET6 : AF_INET;
    const listener = openTcpListener({
      address: { ip: v6 ? '::1' : '127.0.0.1', port: 0 },
      namespace: pod,
      mark: 0x111,
    });
    const client = connectWithin(pod, localAddress(listener), (fd) => {
      setMark(fd, 0x111);
      setFreebind(fd, family);
      setTransparent(fd, family);
      setBindAddressNoPort(fd);
      bind(fd, { ip: source, port: 0 });
    });
    untilReadable(listener);
    const server = accept4(listener);
    expect(acceptedPeer().ip).toBe(source);
    expect(localAddress(client).ip).toBe(source);
    for (const fd of [listener, client, server]) close(fd);
  });

  it('are needed to bind such an address', () => {
    inNamespace(pod, () => {
      const fd = openTcpSocket(AF_INET);
      expect(() => bind(fd, { ip: '10.9.8.7', port: 0 })).toThrow(expect.objectContaining({ errno: EADDRNOTAVAIL }));
      close(fd);
    });
  });

  it.each([
    { family: 'ip', asked: { ip: '10.1.2.3', port: 80 } },
    { family: 'ip6', asked: { ip: 'fd00::123', port: 80 } },
  ])('tell where a redirected $family connection was going', ({ family, asked }) => {
    const v6 = family === 'ip6';
    const listener = openTcpListener({ address: { ip: '::', port: 0 }, namespace: pod, transparent: 'required' });
    const { port } = localAddress(listener);
    command(
      pod,
      'nft',
      ['-f', '-'],
      `table ${family} t { chain output { type nat hook output priority -100; ${family} daddr ${asked.ip} tcp dport 80 redirect to :${port}; }; }`,
    );
    command(pod, 'ip', [...(v6 ? ['-6'] : []), 'route', 'replace', v6 ? 'fd00::/16' : '10.0.0.0/8', 'dev', 'lo']);
    if (v6) command(pod, 'ip', ['-6', 'addr', 'replace', 'fd00::99/128', 'dev', 'lo']);
    const client = connectWithin(pod, asked);
    untilReadable(listener);
    const server = accept4(listener);
    expect(originalDestination(server)).toEqual(asked);
    expect(peerAddress(client)).toEqual(asked);
    command(pod, 'nft', ['delete', 'table', family, 't']);
    for (const fd of [listener, client, server]) close(fd);
  });

  it('give the local address as original destination of a connection that was not redirected', () => {
    const listener = openTcpListener({ address: { ip: '::', port: 0 }, namespace: pod });
    const target = { ip: '127.0.0.1', port: localAddress(listener).port };
    const client = connectWithin(pod, target);
    untilReadable(listener);
    const server = accept4(listener);
    expect(originalDestination(server)).toEqual(target);
    for (const fd of [listener, client, server]) close(fd);
  });

  it('let a tap see the frames of an interface', () => {
    const tap = inNamespace(pod, () => openPacketTap('lo'));
    const listener = openTcpListener({ address: { ip: '127.0.0.1', port: 0 }, namespace: pod });
    const client = connectWithin(pod, localAddress(listener));
    untilReadable(listener);
    const server = accept4(listener);
    memory.bytes.write('SECRET');
    send(client, memory.address, 6);
    const frames: string[] = [];
    untilReadable(server);
    for (;;) {
      const length = recv(tap, memory.address, 4096);
      if (length < 0) break;
      frames.push(memory.bytes.toString('latin1', 0, length));
    }
    expect(frames.some((frame) => frame.includes('SECRET'))).toBe(true);
    expect(() => inNamespace(pod, () => openPacketTap('eth7'))).toThrow('no interface eth7');
    for (const fd of [tap, listener, client, server]) close(fd);
  });
});

describe('the process', () => {
  it('has the capabilities of the user namespace it is root in', () => {
    expect([...effectiveCapabilities()].sort()).toEqual([
      'CAP_NET_ADMIN',
      'CAP_NET_BIND_SERVICE',
      'CAP_NET_RAW',
      'CAP_SYS_ADMIN',
    ]);
  });

  it('can raise its limit of open files as far as the ledger goes', () => {
    raiseOpenFileLimit();
    expect(openFileLimit()).toBeLessThanOrEqual(1_048_576);
  });

  it('can wait for the end of another', () => {
    const fd = openProcess(process.pid);
    expect(() => untilReadable(fd, 1)).toThrow('nothing came');
    close(fd);
  });
});
