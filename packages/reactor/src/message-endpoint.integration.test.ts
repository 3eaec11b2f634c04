import { fstatSync, readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';
import { close, duplicate, openReadOnly } from '@ambit/native/descriptor';
import { openUdpListener } from '@ambit/native/listening-socket';
import { localAddress } from '@ambit/native/socket';
import { AF_INET, AF_INET6 } from '@ambit/native/socket-address';
import { setReceiveOriginalDestination } from '@ambit/native/socket-option';
import { connectSeqpacket, listenSeqpacket, seqpacketPair } from '@ambit/native/unix-socket';
import { TestLoop } from './test-loop.ts';
import { UdpEndpoint } from './udp-endpoint.ts';
import { UnixPacketEndpoint, UnixPacketListener } from './unix-packet-endpoint.ts';

let loop: TestLoop;
let openFiles: number;
beforeEach(() => {
  openFiles = readdirSync('/proc/self/fd').length;
  loop = new TestLoop();
});
afterEach(() => {
  loop.reactor.dispose();
  expect(loop.errors).toEqual([]);
  expect(readdirSync('/proc/self/fd').length).toBe(openFiles);
});

describe('a UDP endpoint', () => {
  function endpoint(
    ip: string,
    onDatagram: (text: string, source: SocketAddress) => void,
    errors: string[] = [],
  ): UdpEndpoint {
    const fd = openUdpListener({ address: { ip, port: 0 } });
    loop.reactor.adopt(fd);
    return new UdpEndpoint(loop.reactor, fd, {
      onDatagram: (bytes, start, end, source, original) => {
        expect(original).toBeUndefined();
        onDatagram(bytes.toString('latin1', start, end), source);
      },
      onDatagramError: (error) => errors.push(error.message),
    });
  }

  it.each(['127.0.0.1', '::1'])('answers who asked, on %s', (ip) => {
    const answers: string[] = [];
    const server = endpoint(ip, (text, source) => {
      expect(server.send(Buffer.from(text.toUpperCase()), source)).toBe(true);
    });
    const client = endpoint(ip, (text, source) => {
      expect(source).toEqual(localAddress(server.fd));
      answers.push(text);
    });
    for (let count = 0; count < 100; count += 1) client.send(Buffer.from(`q${count}`), localAddress(server.fd));
    loop.until(() => answers.length === 100);
    expect(answers[99]).toBe('Q99');
    server.destroy();
    client.destroy();
    client.destroy();
  });

  it.each([
    { ip: '127.0.0.1', family: AF_INET },
    { ip: '::1', family: AF_INET6 },
  ] as const)('tells the original destination when the socket asks for it, on $ip', ({ ip, family }) => {
    const fd = openUdpListener({ address: { ip, port: 0 } });
    loop.reactor.adopt(fd);
    setReceiveOriginalDestination(fd, family);
    const originals: unknown[] = [];
    const server = new UdpEndpoint(loop.reactor, fd, {
      onDatagram: (_bytes, _start, _end, _source, original) => originals.push(original),
    });
    const client = endpoint(ip, () => undefined);
    client.send(Buffer.from('x'), localAddress(fd));
    loop.until(() => originals.length === 1);
    expect(originals).toEqual([localAddress(fd)]);
    server.destroy();
    client.destroy();
  });

  it('drops what no datagram can carry and throws when there is no way there', () => {
    const client = endpoint('127.0.0.1', () => undefined);
    expect(client.send(Buffer.alloc(70_000), { ip: '127.0.0.1', port: 9 })).toBe(false);
    expect(() => client.send(Buffer.alloc(1), { ip: '255.255.255.255', port: 9 })).toThrow('sendto(255.255.255.255)');
    client.destroy();
  });
});

describe('a UDP endpoint on a duplicate', () => {
  it('leaves nothing behind that wakes the loop for datagrams of the socket that stays open', () => {
    const kept = openUdpListener({ address: { ip: '127.0.0.1', port: 0 } });
    const fd = duplicate(kept);
    loop.reactor.adopt(fd);
    const endpoint = new UdpEndpoint(loop.reactor, fd, { onDatagram: () => undefined });
    endpoint.destroy();
    const other = openUdpListener({ address: { ip: '127.0.0.1', port: 0 } });
    loop.reactor.adopt(other);
    const sender = new UdpEndpoint(loop.reactor, other, { onDatagram: () => undefined });
    sender.send(Buffer.from('x'), localAddress(kept));
    // Each turn waits 20 ms when there is nothing to do.
    const started = performance.now();
    let turns = 0;
    loop.until(() => (turns += 1) > 10);
    expect(performance.now() - started).toBeGreaterThan(150);
    sender.destroy();
    close(kept);
  });
});

describe('a UDP endpoint whose owner fails', () => {
  it('goes on after a datagram that could not be served, and says so', () => {
    const texts: string[] = [];
    const fd = openUdpListener({ address: { ip: '127.0.0.1', port: 0 } });
    loop.reactor.adopt(fd);
    const address = localAddress(fd);
    const server = new UdpEndpoint(loop.reactor, fd, {
      onDatagram: (bytes, start, end) => {
        const text = bytes.toString('latin1', start, end);
        if (text === 'bad') throw new Error('cannot be served');
        texts.push(text);
      },
    });
    server.send(Buffer.from('bad'), address);
    server.send(Buffer.from('good'), address);
    loop.until(() => texts.length === 1);
    server.send(Buffer.from('better'), address);
    loop.until(() => texts.length === 2);
    expect(loop.errors.splice(0).map(({ message }) => message)).toEqual([
      'a handler of the loop threw: cannot be served',
    ]);
    server.destroy();
  });

  it('holds no buffer of its own: a resolver has a socket for each question', () => {
    const before = process.memoryUsage().arrayBuffers;
    const sockets = Array.from({ length: 100 }, () => {
      const fd = openUdpListener({ address: { ip: '127.0.0.1', port: 0 } });
      loop.reactor.adopt(fd);
      return new UdpEndpoint(loop.reactor, fd, { onDatagram: () => undefined });
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
    for (const socket of sockets) socket.destroy();
  });

  it('sends nothing after its end, when the number may be that of another socket', () => {
    const fd = openUdpListener({ address: { ip: '127.0.0.1', port: 0 } });
    loop.reactor.adopt(fd);
    const address = localAddress(fd);
    const endpoint = new UdpEndpoint(loop.reactor, fd, { onDatagram: () => undefined });
    endpoint.destroy();
    expect(endpoint.send(Buffer.from('x'), address)).toBe(false);
  });
});

describe('a SEQPACKET endpoint', () => {
  interface End {
    endpoint: UnixPacketEndpoint;
    packets: string[];
    descriptors: number[];
    closed: { error: AmbitError | undefined }[];
  }

  function end(fd: number, maxDescriptors = 1): End {
    loop.reactor.adopt(fd);
    const packets: string[] = [];
    const descriptors: number[] = [];
    const closed: { error: AmbitError | undefined }[] = [];
    const endpoint = new UnixPacketEndpoint(
      loop.reactor,
      fd,
      { maxPacketBytes: 1024, maxDescriptors },
      {
        onPacket: (bytes, start, finish, received) => {
          packets.push(bytes.toString('latin1', start, finish));
          descriptors.push(...received);
        },
        onClose: (error) => closed.push({ error }),
      },
    );
    return { endpoint, packets, descriptors, closed };
  }

  function pair(): readonly [End, End] {
    const [left, right] = seqpacketPair();
    return [end(left), end(right)];
  }

  it('talks to whoever connects to its listener', () => {
    const listening = listenSeqpacket('@ambit-reactor-test', 8);
    loop.reactor.adopt(listening);
    const servers: End[] = [];
    const listener = new UnixPacketListener(loop.reactor, listening, (fd) => servers.push(end(fd)));
    const client = end(connectSeqpacket('@ambit-reactor-test'));
    client.endpoint.send(Buffer.from('hello'));
    loop.until(() => servers[0]?.packets.length === 1);
    servers[0]?.endpoint.send(Buffer.from('welcome'));
    loop.until(() => client.packets.length === 1);
    client.endpoint.destroy();
    loop.until(() => servers[0]?.closed.length === 1);
    expect(servers[0]?.closed).toEqual([{ error: undefined }]);
    listener.destroy();
  });

  it('carries a descriptor, which the sender may close at once', () => {
    const [left, right] = pair();
    const file = openReadOnly('/etc/hostname');
    const { ino } = fstatSync(file);
    left.endpoint.send(Buffer.from('file'), [file]);
    close(file);
    loop.until(() => right.packets.length === 1);
    expect(fstatSync(right.descriptors[0] ?? -1).ino).toBe(ino);
    right.descriptors.forEach(close);
    left.endpoint.destroy();
    right.endpoint.destroy();
  });

  it('queues packets and descriptors while the peer does not read, in order', () => {
    const [leftFd, rightFd] = seqpacketPair();
    const left = end(leftFd);
    const files = Array.from({ length: 600 }, () => openReadOnly('/dev/null'));
    files.forEach((file, index) => {
      left.endpoint.send(Buffer.from(`packet ${index}`), [file]);
      close(file);
    });
    const right = end(rightFd);
    loop.until(() => right.packets.length === 600);
    expect(right.packets).toEqual(files.map((_, index) => `packet ${index}`));
    expect(right.descriptors.length).toBe(600);
    right.descriptors.forEach(close);
    left.endpoint.destroy();
    right.endpoint.destroy();
  });

  it('gives up a peer that never reads, and the queued descriptors with it', () => {
    const [leftFd, rightFd] = seqpacketPair();
    loop.reactor.adopt(rightFd);
    const left = end(leftFd);
    const file = openReadOnly('/dev/null');
    for (let count = 0; count < 3000 && left.closed.length === 0; count += 1)
      left.endpoint.send(Buffer.alloc(100), [file]);
    expect(left.closed[0]?.error).toMatchObject({ code: 'AMBIT_UNIX_PACKET' });
    close(file);
  });

  it('takes a packet that is too long, or one descriptor too many, for a broken peer', () => {
    const [left, right] = pair();
    left.endpoint.send(Buffer.alloc(2000));
    loop.until(() => right.closed.length === 1 && left.closed.length === 1);
    expect(right.closed[0]?.error?.message).toContain('packet was cut): EMSGSIZE');
    const [second, strict] = pair();
    const file = openReadOnly('/dev/null');
    second.endpoint.send(Buffer.from('x'), [file, file]);
    close(file);
    loop.until(() => strict.closed.length === 1 && second.closed.length === 1);
    expect(strict.descriptors).toEqual([]);
  });
});
