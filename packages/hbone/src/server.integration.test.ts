import { requireSpiffeId } from '@ambit/core/spiffe';
import { CLIENT_PREFACE, FrameType } from '@ambit/http/h2/frames';
import { encodeStaticBlock } from '@ambit/http/h2/static-block';
import { framesOf, rawFrame } from '@ambit/http/h2/test-peer';
import { connect, openTcpSocket } from '@ambit/native/socket';
import { AF_INET } from '@ambit/native/socket-address';
import type { ByteEndpoint, ByteEndpointHandler } from '@ambit/reactor/endpoint';
import { TcpEndpoint } from '@ambit/reactor/tcp-endpoint';
import { TlsEndpoint } from '@ambit/reactor/tls-endpoint';
import { afterEach, describe, expect, it } from 'vitest';
import { LEAVING_CONNECTION_MS, MAX_HANDSHAKES_PER_SOURCE } from './limits.ts';
import { reasonOf } from './reason.ts';
import { Application, CLIENT_ID, context, leaf, SERVER_ID, TestBed } from './test-bed.ts';

const HOUR = 3_600_000;

let bed: TestBed;
afterEach(() => {
  expect(bed.loop.errors).toEqual([]);
  bed.dispose();
});

/** A client that says whatever a test wants. */
class RawClient implements ByteEndpointHandler {
  readonly endpoint: ByteEndpoint;
  open = false;
  received: Buffer = Buffer.alloc(0);
  closed: Error | 'in order' | undefined;

  constructor(plain = false, uri = CLIENT_ID) {
    const fd = openTcpSocket(AF_INET);
    connect(fd, bed.address);
    bed.reactor.adopt(fd);
    this.endpoint = plain
      ? new TcpEndpoint(bed.reactor, fd, this)
      : new TlsEndpoint(bed.reactor, fd, context('client', leaf(uri)), this);
    bed.loop.until(() => this.open || this.closed !== undefined);
  }

  write(...parts: Buffer[]): void {
    for (const part of parts) {
      const { output } = this.endpoint;
      if (!output.room(part.length)) throw new Error('no room');
      part.copy(output.bytes, output.end);
      output.end += part.length;
    }
  }

  /** Waits for a frame and returns its payload. */
  frame(type: number): Buffer {
    const find = (): Buffer | undefined => framesOf(this.received).find((frame) => frame.type === type)?.payload;
    bed.loop.until(() => find() !== undefined || this.closed !== undefined);
    const found = find();
    if (found === undefined) throw new Error(`closed: ${String(this.closed)}`);
    return found;
  }

  onOpen(): void {
    this.open = true;
  }

  onBytes(bytes: Buffer, _address: number, start: number, end: number): void {
    this.received = Buffer.concat([this.received, bytes.subarray(start, end)]);
  }

  onEnd(): void {
    this.endpoint.end();
  }

  onRoom(): void {
    // Tests write little.
  }

  onClose(error: Error | undefined): void {
    this.closed = error ?? 'in order';
  }
}

const START = [CLIENT_PREFACE, rawFrame(FrameType.settings, 0, 0)];
const CONNECT = encodeStaticBlock([':method', 'CONNECT', ':authority', '10.0.0.1:80']);
const GET = encodeStaticBlock([':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'a']);

describe('who gets a connection', () => {
  it('a client of the trust domain, or of an alias, with its identity and address', () => {
    for (const uri of [CLIENT_ID, 'spiffe://alias.example/ns/shop/sa/web']) {
      bed = new TestBed({ clientLeaf: leaf(uri) });
      const [, incoming] = bed.ask();
      expect(incoming.peer).toMatchObject({
        principal: uri,
        identity: requireSpiffeId(uri),
        address: { ip: '127.0.0.1' },
      });
      expect(incoming.authority).toBe('10.0.0.1:8080');
    }
  });

  it.each([
    ['another trust domain', leaf('spiffe://other.example/ns/shop/sa/web'), 'AMBIT_HBONE_TRUST_DOMAIN'],
    ['two identities', leaf('', { uris: [CLIENT_ID, SERVER_ID] }), 'AMBIT_HBONE_NO_IDENTITY'],
    [
      'an identity beside a name that is no URI',
      leaf('', { uris: [CLIENT_ID, 'spiffe://cluster.local/ns/a,b/sa/c'] }),
      'AMBIT_HBONE_NO_IDENTITY',
    ],
    ['no identity', leaf('', { uris: [] }), 'AMBIT_HBONE_NO_IDENTITY'],
    ['upper case', leaf('spiffe://cluster.local/ns/Shop/sa/web'), 'AMBIT_HBONE_NO_IDENTITY'],
    ['a trailing slash', leaf(`${CLIENT_ID}/`), 'AMBIT_HBONE_NO_IDENTITY'],
    ['percent escapes', leaf('spiffe://cluster.local/ns/sh%6fp/sa/web'), 'AMBIT_HBONE_NO_IDENTITY'],
    [
      'an expired certificate',
      leaf(CLIENT_ID, { notBefore: Date.now() - 2 * HOUR, notAfter: Date.now() - HOUR }),
      'AMBIT_TLS_CERTIFICATE_EXPIRED',
    ],
    [
      'a certificate of tomorrow',
      leaf(CLIENT_ID, { notBefore: Date.now() + HOUR, notAfter: Date.now() + 2 * HOUR }),
      'AMBIT_TLS_CERTIFICATE_NOT_YET_VALID',
    ],
    ['a server certificate', leaf(CLIENT_ID, { usages: ['server'] }), 'AMBIT_TLS_CERTIFICATE_INVALID'],
  ])('not one with %s', (_, clientLeaf, code) => {
    bed = new TestBed({ clientLeaf });
    const attempt = bed.open();
    bed.loop.until(() => attempt.settled && bed.events.some((event) => event.startsWith('server failed')));
    expect(attempt.error).toBeDefined();
    expect(bed.events).toContain(`server failed ${code}`);
    expect(bed.incoming).toEqual([]);
  });

  it('not plaintext, which is closed at once', () => {
    bed = new TestBed();
    const client = new RawClient(true);
    client.write(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
    bed.loop.until(() => client.closed !== undefined, 1000);
    expect(bed.events).toEqual(['server failed AMBIT_TLS_PLAINTEXT_PEER']);
  });

  it('not one that stalls in the handshake', () => {
    bed = new TestBed({ server: { handshakeTimeoutMs: 100 } });
    const client = new RawClient(true);
    client.write(Buffer.from([0x16, 0x03]));
    bed.loop.until(() => client.closed !== undefined, 1000);
    expect(bed.events).toEqual(['server failed AMBIT_TLS_TIMEOUT']);
  });

  it('not more half-open ones than one source may have; others and later ones are served', () => {
    bed = new TestBed({ server: { handshakeTimeoutMs: 300 } });
    const clients = Array.from({ length: MAX_HANDSHAKES_PER_SOURCE + 20 }, () => new RawClient(true));
    bed.loop.until(() => clients.filter(({ closed }) => closed !== undefined).length === 20);
    expect(bed.events.filter((event) => event === 'server failed AMBIT_HBONE_HANDSHAKES')).toHaveLength(20);
    bed.loop.until(() => clients.every(({ closed }) => closed !== undefined));
    bed.ask();
  });

  it('nobody while there is no certificate', () => {
    bed = new TestBed({ server: { context: () => undefined } });
    const attempt = bed.open();
    bed.loop.until(() => attempt.settled);
    expect(bed.events).toContain('server failed AMBIT_HBONE_NO_CERTIFICATE');
  });
});

describe('what is answered', () => {
  it.each([400, 401, 503])('%i with a reason, and the slot is free again', (status) => {
    bed = new TestBed();
    const [attempt, incoming] = bed.ask();
    incoming.refuse(status, ['x-ambit-reason', 'AMBIT_POLICY_DENIED policy=shop/only-web']);
    bed.loop.until(() => attempt.settled);
    expect(attempt.refused).toBe(status);
    expect(reasonOf(attempt.fields ?? [])).toEqual({ code: 'AMBIT_POLICY_DENIED', policy: 'shop/only-web' });
    bed.ask();
  });

  it('200 with fields, and the fields of the request before', () => {
    bed = new TestBed();
    const attempt = bed.open({}, ['baggage', 'k8s.namespace.name=shop', 'x-unknown', 'y']);
    bed.loop.until(() => bed.incoming.length === 1);
    expect(bed.incoming[0]?.fields).toEqual(['baggage', 'k8s.namespace.name=shop', 'x-unknown', 'y']);
    const [, side] = bed.loop.tcpPair();
    bed.incoming[0]?.accept(side, ['baggage', 'k8s.namespace.name=b'], () => undefined);
    bed.loop.until(() => attempt.settled);
    expect(attempt.fields).toEqual(['baggage', 'k8s.namespace.name=b']);
  });

  it('a GET in the tunnel port: 400, and the connection goes on', () => {
    bed = new TestBed();
    const client = new RawClient();
    client.write(...START, rawFrame(FrameType.headers, 0x5, 1, GET));
    const answer = client.frame(FrameType.headers);
    expect(answer[0]).toBe(0x8c);
    expect(answer.toString('latin1')).toContain('AMBIT_HBONE_NOT_CONNECT');
    client.write(rawFrame(FrameType.headers, 0x4, 3, CONNECT));
    bed.loop.until(() => bed.incoming.length === 1);
  });

  it('a client that gives up before the answer is reported, and so is one that vanishes', () => {
    bed = new TestBed();
    const [attempt, incoming] = bed.ask();
    let abandoned = 0;
    incoming.onAbandoned = () => (abandoned += 1);
    attempt.pending?.cancel();
    bed.loop.until(() => abandoned === 1);
    const client = new RawClient();
    client.write(...START, rawFrame(FrameType.headers, 0x4, 1, CONNECT));
    bed.loop.until(() => bed.incoming.length === 2);
    const [, second] = bed.incoming;
    if (second !== undefined) second.onAbandoned = () => (abandoned += 1);
    client.endpoint.destroy(undefined, true);
    bed.loop.until(() => abandoned === 2);
    incoming.refuse(503, []);
    expect(attempt.calls).toBe(0);
  });

  it('bytes that come before the answer are not lost', () => {
    bed = new TestBed();
    const client = new RawClient();
    client.write(
      ...START,
      rawFrame(FrameType.headers, 0x4, 1, CONNECT),
      rawFrame(FrameType.data, 0, 1, Buffer.from('ear')),
      rawFrame(FrameType.data, 1, 1, Buffer.from('ly')),
    );
    bed.loop.until(() => bed.incoming.length === 1);
    bed.loop.pass(10);
    const [application, side] = bed.loop.tcpPair();
    bed.incoming[0]?.accept(side, [], () => undefined);
    const joined = new Application(bed.reactor, application);
    bed.loop.until(() => joined.ended === 'fin');
    expect(joined.received).toBe('early');
  });
});

describe('an owner that fails', () => {
  it('costs one tunnel, not the connection', () => {
    bed = new TestBed();
    const { client, server } = bed.join();
    bed.onTunnel = () => {
      throw new Error('broken');
    };
    const attempt = bed.open();
    bed.loop.until(() => attempt.settled);
    expect(attempt.refused).toBe(503);
    expect(bed.loop.errors.splice(0)).toHaveLength(1);
    client.send('a');
    bed.loop.until(() => server.received === 'a');
  });

  it('that accepts too late makes a reset, not a leak', () => {
    bed = new TestBed();
    const [attempt, incoming] = bed.ask();
    attempt.pending?.cancel();
    bed.loop.pass(20);
    const [application, side] = bed.loop.tcpPair();
    let code: string | undefined;
    incoming.accept(side, [], ({ error }) => {
      code = error?.code;
    });
    const server = new Application(bed.reactor, application);
    bed.loop.until(() => server.ended === 'reset');
    expect(code).toBe('AMBIT_HBONE_ABANDONED');
  });
});

describe('a peer that attacks loses its connection, and only that', () => {
  it('rapid reset', () => {
    bed = new TestBed();
    const { client, server } = bed.join();
    const attacker = new RawClient(false, 'spiffe://cluster.local/ns/evil/sa/evil');
    attacker.write(...START);
    for (let count = 0; count < 10_000 && attacker.closed === undefined; count++) {
      const id = count * 2 + 1;
      attacker.write(rawFrame(FrameType.headers, 0x4, id, CONNECT), rawFrame(FrameType.resetStream, 0, id, '00000008'));
      if (count % 100 === 99) bed.reactor.runTurn(0);
    }
    bed.loop.until(() => attacker.closed !== undefined);
    expect(bed.incoming.length).toBeLessThan(1500);
    expect(bed.events).toContain('server closed AMBIT_HTTP2_CONNECTION');
    client.send('still here');
    bed.loop.until(() => server.received === 'still here');
  });

  it('a header bomb is closed before it is decoded', () => {
    bed = new TestBed();
    const attacker = new RawClient();
    attacker.write(...START, rawFrame(FrameType.headers, 0, 1, Buffer.alloc(60_000, 0x82)));
    for (let count = 0; count < 4; count++) {
      bed.loop.pass(20);
      attacker.write(rawFrame(FrameType.continuation, 0, 1, Buffer.alloc(60_000, 0x82)));
    }
    bed.loop.until(() => attacker.closed !== undefined);
    expect(attacker.frame(FrameType.goAway).readUInt32BE(4)).toBe(0xb);
    expect(bed.incoming).toEqual([]);
  });

  it('also when it has stopped reading and the goodbye cannot leave', () => {
    bed = new TestBed({ server: { closeTimeoutMs: 100 } });
    const attacker = new RawClient();
    const wide = rawFrame(FrameType.settings, 0, 0, '00047fffffff');
    const more = rawFrame(FrameType.windowUpdate, 0, 0, '7f000000');
    attacker.write(CLIENT_PREFACE, wide, more, rawFrame(FrameType.headers, 0x4, 1, CONNECT));
    bed.loop.until(() => bed.incoming.length === 1);
    const [application, side] = bed.loop.tcpPair();
    bed.incoming[0]?.accept(side, [], () => undefined);
    attacker.endpoint.pauseReading();
    new Application(bed.reactor, application).pour(100 << 20);
    bed.loop.pass(200);
    attacker.write(rawFrame(FrameType.data, 0, 0, 'ff'));
    bed.loop.until(() => bed.server.connections === 0 && bed.events.at(-1)?.startsWith('server closed') === true, 1000);
    bed.loop.pass(150);
    attacker.endpoint.resumeReading();
    bed.loop.until(() => attacker.closed !== undefined);
    expect(attacker.closed).toBeInstanceOf(Error);
  });

  it('broken compression', () => {
    bed = new TestBed();
    const attacker = new RawClient();
    attacker.write(...START, rawFrame(FrameType.headers, 0x4, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff])));
    bed.loop.until(() => attacker.closed !== undefined);
    expect(attacker.frame(FrameType.goAway).readUInt32BE(4)).toBe(0x9);
  });
});

describe('peers that fall silent', () => {
  it('a client that answers no PING is let go within both times', () => {
    bed = new TestBed({ server: { pingIntervalMs: 50, pingTimeoutMs: 100 } });
    const client = new RawClient();
    client.write(...START, rawFrame(FrameType.headers, 0x4, 1, CONNECT));
    client.frame(FrameType.ping);
    bed.loop.until(() => client.closed !== undefined, 1000);
    expect(bed.events.at(-1)).toBe('server closed AMBIT_HBONE_PING_TIMEOUT with 1 streams');
  });

  it('one that answers stays', () => {
    bed = new TestBed({
      server: { pingIntervalMs: 30, pingTimeoutMs: 60 },
      pool: { pingIntervalMs: 40, pingTimeoutMs: 80 },
    });
    const { client, server } = bed.join();
    bed.loop.pass(400);
    client.send('alive');
    bed.loop.until(() => server.received === 'alive');
  });
});

describe('a server that goes', () => {
  it('tells its clients, lets open tunnels end and closes', () => {
    bed = new TestBed();
    const old = bed.join();
    bed.server.drain();
    bed.loop.pass(20);
    const refused = bed.open();
    bed.loop.until(() => refused.settled);
    expect(refused.error?.retryable).toBe(true);
    old.client.send('finish this');
    bed.loop.until(() => old.server.received === 'finish this');
    old.client.finish();
    old.server.finish();
    bed.loop.until(() => bed.server.connections === 0 && bed.pool.connections === 0);
    expect(old.clientOutcome?.error).toBeUndefined();
    expect(bed.events.filter((event) => event.includes('closed'))).toEqual([
      'server closed in order',
      'client closed in order',
    ]);
  });

  it('that only announces its end lets idle clients go, finishes what is open and takes what still comes', () => {
    bed = new TestBed();
    const old = bed.join();
    bed.server.leave(true);
    bed.loop.pass(20);
    // A fresh connection for whoever still comes, and that is let go as well.
    const late = bed.join();
    expect(bed.events.filter((event) => event === 'client open')).toHaveLength(2);
    for (const [index, joined] of [old, late].entries()) {
      joined.client.send('served');
      bed.loop.until(() => joined.server.received === 'served');
      joined.client.finish();
      joined.server.finish();
      bed.loop.until(() => bed.server.connections === 1 - index && bed.pool.connections === 1 - index, 2_000);
      expect(joined.clientOutcome?.error).toBeUndefined();
    }
    bed.server.leave(false);
    const stays = bed.join();
    bed.loop.pass(LEAVING_CONNECTION_MS * 1.2);
    stays.client.finish();
    stays.server.finish();
    bed.loop.until(() => stays.clientOutcome !== undefined);
    bed.loop.pass(20);
    expect(bed.server.connections).toBe(1);
  });

  it('serves a client whose handshake is under way, and then lets it go', () => {
    bed = new TestBed();
    const attempt = bed.open();
    bed.loop.until(() => bed.server.connections === 1);
    bed.server.drain();
    bed.loop.until(() => bed.incoming.length === 1);
    bed.incoming[0]?.refuse(401, []);
    bed.loop.until(() => attempt.refused === 401 && bed.server.connections === 0);
  });

  it('destroy right after drain: a client without tunnels is still told, and let go in order', () => {
    bed = new TestBed();
    const client = new RawClient();
    client.write(...START);
    client.frame(FrameType.settings);
    bed.loop.pass(20);
    bed.server.drain();
    bed.server.destroy();
    expect(bed.server.connections).toBe(0);
    const told = client.frame(FrameType.goAway);
    expect(told.readUInt32BE(4)).toBe(0);
    bed.loop.until(() => client.closed !== undefined);
    expect(client.closed).toBe('in order');
    expect(bed.events).toContain('server closed in order');
  });

  it('destroy cuts tunnels: both applications see a reset', () => {
    bed = new TestBed();
    const joined = bed.join();
    bed.server.destroy();
    bed.loop.until(() => joined.client.ended === 'reset' && joined.server.ended === 'reset');
  });
});
