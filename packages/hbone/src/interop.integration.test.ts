import { type ClientHttp2Session, connect, createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { Application, CLIENT_ID, leaf, rootPem, SERVER_ID, TestBed } from './test-bed.ts';

// The other end is the runtime's own TLS and HTTP/2, which share no code with ours.

let bed: TestBed;
const closers: (() => void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await until(() => true);
  expect(bed.loop.errors).toEqual([]);
  bed.dispose();
});

/** Lets both loops run until `condition` holds. */
async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 5000;
  do {
    if (Date.now() > end) throw new Error(`not so: ${condition.toString()}`);
    bed.reactor.runTurn(1);
    await new Promise((resolve) => setImmediate(resolve));
  } while (!condition());
}

async function settled<T>(promise: Promise<T>): Promise<T> {
  let done = false;
  const watched = promise.finally(() => {
    done = true;
  });
  await until(() => done);
  return watched;
}

async function foreignServer(serve: (stream: ServerHttp2Stream, authority: string) => void): Promise<number> {
  const { certificatePem, privateKeyPem } = leaf(SERVER_ID);
  const server = createSecureServer({
    cert: certificatePem,
    key: privateKeyPem,
    ca: rootPem,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['h2'],
  });
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined);
    serve(stream, String(headers[':authority']));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function foreignClient(): Promise<ClientHttp2Session> {
  const { certificatePem, privateKeyPem } = leaf(CLIENT_ID);
  const socket = connectTls({
    ...{ host: '127.0.0.1', port: bed.address.port, ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' },
    ...{ cert: certificatePem, key: privateKeyPem, ca: rootPem, checkServerIdentity: () => undefined },
  });
  socket.on('error', () => undefined);
  await settled(once(socket, 'secureConnect'));
  const session = connect('https://peer', { createConnection: () => socket });
  session.on('error', () => undefined);
  closers.push(() => {
    session.destroy();
  });
  return session;
}

describe('our pool against a foreign server', () => {
  it('tunnels: bytes, half close, a large answer, refusal and reset', async () => {
    bed = new TestBed();
    const port = await foreignServer((stream, authority) => {
      if (authority === '10.0.0.1:8080') {
        stream.respond({ ':status': 200, baggage: 'k8s.namespace.name=shop' });
        let text = '';
        stream.on('data', (piece: Buffer) => (text += piece.toString()));
        stream.on('end', () => stream.end(text.repeat(100_000)));
      }
    });
    const attempt = bed.open({ address: { ip: '127.0.0.1', port } });
    await until(() => attempt.settled);
    expect(attempt.tunnel?.peer.principal).toBe(SERVER_ID);
    expect(attempt.fields).toContain('k8s.namespace.name=shop');
    const [application, side] = bed.loop.tcpPair();
    attempt.tunnel?.relay(side, () => undefined);
    const client = new Application(bed.reactor, application);
    client.send('0123456789');
    client.finish();
    await until(() => client.ended === 'fin');
    expect(client.received).toBe('0123456789'.repeat(100_000));
  });

  it('a refusal is a refusal, and a reset of an open tunnel a reset', async () => {
    bed = new TestBed();
    let count = 0;
    const port = await foreignServer((stream) => {
      count += 1;
      if (count === 1) stream.respond({ ':status': 401 }, { endStream: true });
      else {
        stream.respond({ ':status': 200 });
        setTimeout(() => stream.destroy(new Error('broken')), 5);
      }
    });
    const refused = bed.open({ address: { ip: '127.0.0.1', port } });
    await until(() => refused.settled);
    expect(refused.refused).toBe(401);
    const attempt = bed.open({ address: { ip: '127.0.0.1', port } });
    await until(() => attempt.settled);
    const [application, side] = bed.loop.tcpPair();
    attempt.tunnel?.relay(side, () => undefined);
    const client = new Application(bed.reactor, application);
    await until(() => client.ended === 'reset');
    expect(bed.pool.connections).toBe(1);
  });
});

describe('our server and a foreign client', () => {
  it('tunnels, refuses and survives a reset', async () => {
    bed = new TestBed();
    const session = await foreignClient();
    const request = (): ReturnType<ClientHttp2Session['request']> => {
      const stream = session.request({ ':method': 'CONNECT', ':authority': '10.0.0.1:80' });
      stream.on('error', () => undefined);
      return stream;
    };
    const first = request();
    await until(() => bed.incoming.length === 1);
    expect(bed.incoming[0]?.peer.principal).toBe(CLIENT_ID);
    const [application, side] = bed.loop.tcpPair();
    bed.incoming[0]?.accept(side, ['baggage', 'k8s.namespace.name=shop'], () => undefined);
    const server = new Application(bed.reactor, application);
    const [head] = (await settled(once(first, 'response'))) as [Record<string, unknown>];
    expect(head).toMatchObject({ ':status': 200, baggage: 'k8s.namespace.name=shop' });
    first.write('ping');
    await until(() => server.received === 'ping');
    server.send('pong');
    const [answer] = (await settled(once(first, 'data'))) as [Buffer];
    expect(answer.toString()).toBe('pong');
    const second = request();
    await until(() => bed.incoming.length === 2);
    bed.incoming[1]?.refuse(503, []);
    const [refusal] = (await settled(once(second, 'response'))) as [Record<string, unknown>];
    expect(refusal[':status']).toBe(503);
    first.destroy(new Error('broken'));
    await until(() => server.ended === 'reset');
    const third = request();
    await until(() => bed.incoming.length === 3);
    third.destroy();
  });
});
