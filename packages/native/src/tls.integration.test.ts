import { afterAll, describe, expect, it } from 'vitest';
import { close } from './descriptor.ts';
import { openssl } from './internal/library.ts';
import { openTcpListener } from './listening-socket.ts';
import { allocate } from './memory.ts';
import { peerCertificate } from './peer-certificate.ts';
import { accept4, connect, localAddress, openTcpSocket, recv, send } from './socket.ts';
import { AF_INET } from './socket-address.ts';
import { type TestCertificateOptions, type TestIdentity, testCertificate } from './test-certificates.ts';
import { untilReadable } from './test-readiness.ts';
import { type TlsContext, createTlsContext } from './tls-context.ts';
import { TlsError } from './tls-failure.ts';
import {
  TLS_DONE,
  TLS_END,
  TLS_FAILED,
  TLS_WANTS_READ,
  alpn,
  attach,
  detach,
  freeBioPair,
  freeSession,
  handshake,
  hasPending,
  lastFailure,
  newBioPair,
  newSession,
  pairAddress,
  pairBytes,
  pairConsume,
  read,
  sayGoodbye,
  write,
} from './tls-session.ts';

const HOUR = 3_600_000;
const memory = allocate(131_072);
const root = testCertificate({ authority: true });
const contexts: TlsContext[] = [];
afterAll(() => {
  for (const context of contexts) context.free();
});

function context(side: 'client' | 'server', leaf: TestIdentity, roots = root.certificatePem): TlsContext {
  const made = createTlsContext({
    side,
    certificateChainPem: leaf.certificatePem,
    privateKeyPem: leaf.privateKeyPem,
    rootsPem: roots,
  });
  contexts.push(made);
  return made;
}

function leaf(options: TestCertificateOptions = {}): TestIdentity {
  return testCertificate({ issuer: root, uris: ['spiffe://cluster.local/ns/bench/sa/client'], ...options });
}

interface Ends {
  client: number;
  server: number;
}

function connectedPair(): Ends {
  const listener = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
  const client = openTcpSocket(AF_INET);
  connect(client, localAddress(listener));
  untilReadable(listener);
  const server = accept4(listener);
  close(listener);
  return { client, server };
}

interface Session {
  ssl: Ends;
  fd: Ends;
  /** What each side's handshake came to. */
  result: Ends;
  free(): void;
}

function shakeHands(clientContext: TlsContext, serverContext: TlsContext): Session {
  const fd = connectedPair();
  const ssl = { client: newSession(clientContext, fd.client), server: newSession(serverContext, fd.server) };
  const result = { client: TLS_WANTS_READ, server: TLS_WANTS_READ };
  for (let step = 0; step < 3; step += 1) {
    if (step > 0) untilReadable(fd.client);
    if (result.client === TLS_WANTS_READ) result.client = handshake(ssl.client);
    if (result.client === TLS_FAILED) break;
    untilReadable(fd.server);
    if (result.server === TLS_WANTS_READ) result.server = handshake(ssl.server);
    if (result.server !== TLS_WANTS_READ) break;
  }
  const free = (): void => {
    freeSession(ssl.client);
    freeSession(ssl.server);
    close(fd.client);
    close(fd.server);
  };
  return { ssl, fd, result, free };
}

describe('a TLS connection between two contexts', () => {
  const client = context('client', leaf());
  const server = context(
    'server',
    leaf({ uris: ['spiffe://cluster.local/ns/bench/sa/server', 'spiffe://other/ns/b/sa/c'] }),
  );

  it('is mutually authenticated, with h2 agreed on', () => {
    const session = shakeHands(client, server);
    expect(session.result).toEqual({ client: TLS_DONE, server: TLS_DONE });
    expect(alpn(session.ssl.client)).toBe('h2');
    expect(alpn(session.ssl.server)).toBe('h2');
    expect(peerCertificate(session.ssl.server)?.uris).toEqual(['spiffe://cluster.local/ns/bench/sa/client']);
    const seen = peerCertificate(session.ssl.client);
    expect(seen?.uris).toEqual(['spiffe://cluster.local/ns/bench/sa/server', 'spiffe://other/ns/b/sa/c']);
    expect(seen?.notAfter).toBeGreaterThan(Date.now());
    expect(seen?.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    session.free();
  });

  it('carries records larger than one and leaves the rest for the next read', () => {
    const session = shakeHands(client, server);
    memory.bytes.fill('a', 0, 40_000);
    expect(write(session.ssl.client, memory.address, 40_000)).toBe(40_000);
    const lengths: number[] = [];
    for (let total = 0; total < 40_000; ) {
      if (!hasPending(session.ssl.server)) untilReadable(session.fd.server);
      const count = read(session.ssl.server, memory.address + 65_536, 65_536);
      if (count === TLS_WANTS_READ) continue;
      expect(count).toBeGreaterThan(0);
      lengths.push(count);
      total += count;
    }
    expect(lengths).toEqual([16_384, 16_384, 7_232]);
    expect(hasPending(session.ssl.server)).toBe(false);
    expect(read(session.ssl.server, memory.address, 100)).toBe(TLS_WANTS_READ);
    session.free();
  });

  it('writes through a pair, from which the records are sent in one call, and back to the socket afterwards', () => {
    const session = shakeHands(client, server);
    const pair = newBioPair(300_000);
    attach(session.ssl.client, pair);
    write(session.ssl.client, memory.address, 50_000);
    const encrypted = pairBytes(pair);
    expect(encrypted).toBeGreaterThan(50_000);
    expect(encrypted).toBeLessThan(50_200);
    expect(send(session.fd.client, pairAddress(), encrypted)).toBe(encrypted);
    pairConsume(pair, encrypted);
    expect(pairBytes(pair)).toBe(0);
    let total = 0;
    while (total < 50_000) {
      if (!hasPending(session.ssl.server)) untilReadable(session.fd.server);
      total += Math.max(read(session.ssl.server, memory.address, 65_536), 0);
    }
    detach(session.ssl.client);
    freeBioPair(pair);
    expect(write(session.ssl.client, memory.address, 10)).toBe(10);
    untilReadable(session.fd.server);
    expect(read(session.ssl.server, memory.address, 100)).toBe(10);
    session.free();
  });

  it('ends in good order with close_notify, and as truncated without', () => {
    const first = shakeHands(client, server);
    sayGoodbye(first.ssl.client);
    untilReadable(first.fd.server);
    expect(read(first.ssl.server, memory.address, 100)).toBe(TLS_END);
    first.free();
    const second = shakeHands(client, server);
    close(second.fd.client);
    untilReadable(second.fd.server);
    expect(read(second.ssl.server, memory.address, 100)).toBe(TLS_FAILED);
    expect(lastFailure(second.ssl.server)).toMatchObject({ code: 'AMBIT_TLS_TRUNCATED' });
    freeSession(second.ssl.client);
    freeSession(second.ssl.server);
    close(second.fd.server);
  });

  it('compresses no certificates: that costs more than the handshake itself', () => {
    const fd = connectedPair();
    const ssl = newSession(client, fd.client);
    handshake(ssl);
    untilReadable(fd.server);
    const length = recv(fd.server, memory.address, 4096);
    // RFC 8879: extension 27 of the ClientHello would name the algorithms.
    expect(extensionsOf(memory.bytes.subarray(0, length))).not.toContain(27);
    expect(extensionsOf(memory.bytes.subarray(0, length))).toContain(16);
    // RFC 6066: no server name is sent.
    expect(extensionsOf(memory.bytes.subarray(0, length))).not.toContain(0);
    freeSession(ssl);
    close(fd.client);
    close(fd.server);
  });
});

describe('a TLS handshake that must fail', () => {
  const good = leaf();
  const strangers = testCertificate({ authority: true, subject: 'other root' });
  const impostor = testCertificate({ authority: true });
  const cases = [
    { name: 'expired', leaf: leaf({ notAfter: Date.now() - HOUR / 2 }), code: 'AMBIT_TLS_CERTIFICATE_EXPIRED' },
    {
      name: 'not yet valid',
      leaf: leaf({ notBefore: Date.now() + HOUR }),
      code: 'AMBIT_TLS_CERTIFICATE_NOT_YET_VALID',
    },
    { name: 'of another authority', leaf: testCertificate({ issuer: strangers }), code: 'AMBIT_TLS_UNKNOWN_AUTHORITY' },
    {
      name: 'of an authority that only has the same name',
      leaf: testCertificate({ issuer: impostor }),
      code: 'AMBIT_TLS_UNKNOWN_AUTHORITY',
    },
    { name: 'signed by itself', leaf: testCertificate(), code: 'AMBIT_TLS_UNKNOWN_AUTHORITY' },
    { name: 'not made for this side', leaf: leaf({ usages: [] }), code: 'AMBIT_TLS_CERTIFICATE_INVALID' },
  ];

  it.each(cases)("tells the server why: the client's certificate is $name", ({ leaf: bad, code }) => {
    const session = shakeHands(context('client', bad), context('server', good));
    expect(session.result.server).toBe(TLS_FAILED);
    expect(lastFailure(session.ssl.server)).toMatchObject({ code, side: 'us' });
    // TLS 1.3: the client is done before the server judges it, and learns of it at its first read.
    expect(session.result.client).toBe(TLS_DONE);
    untilReadable(session.fd.client);
    expect(read(session.ssl.client, memory.address, 100)).toBe(TLS_FAILED);
    expect(lastFailure(session.ssl.client)).toMatchObject({ side: 'peer' });
    session.free();
  });

  it.each(cases)("tells the client why: the server's certificate is $name", ({ leaf: bad, code }) => {
    const session = shakeHands(context('client', good), context('server', bad));
    expect(session.result.client).toBe(TLS_FAILED);
    expect(lastFailure(session.ssl.client)).toMatchObject({ code, side: 'us' });
    untilReadable(session.fd.server);
    expect(handshake(session.ssl.server)).toBe(TLS_FAILED);
    expect(lastFailure(session.ssl.server)).toMatchObject({ side: 'peer' });
    session.free();
  });

  it('knows a peer that does not speak TLS', () => {
    const fd = connectedPair();
    memory.bytes.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    send(fd.client, memory.address, 27);
    const ssl = newSession(context('server', good), fd.server);
    untilReadable(fd.server);
    expect(handshake(ssl)).toBe(TLS_FAILED);
    expect(lastFailure(ssl)).toMatchObject({ code: 'AMBIT_TLS_PLAINTEXT_PEER' });
    freeSession(ssl);
    close(fd.client);
    close(fd.server);
  });

  it('leaves nothing behind that spoils the next handshake', () => {
    const server = context('server', good);
    shakeHands(context('client', testCertificate()), server).free();
    const session = shakeHands(context('client', good), server);
    expect(session.result).toEqual({ client: TLS_DONE, server: TLS_DONE });
    session.free();
  });
});

describe('a certificate that was verified before', () => {
  it('is accepted again, but not any more when it has expired meanwhile', async () => {
    const server = context('server', leaf());
    const client = context('client', leaf({ notAfter: Math.floor(Date.now() / 1000) * 1000 + 2000 }));
    for (let count = 0; count < 3; count += 1) {
      const session = shakeHands(client, server);
      expect(session.result.server).toBe(TLS_DONE);
      session.free();
    }
    await new Promise((resolve) => setTimeout(resolve, 2100));
    const session = shakeHands(client, server);
    expect(session.result.server).toBe(TLS_FAILED);
    expect(lastFailure(session.ssl.server)).toMatchObject({ code: 'AMBIT_TLS_CERTIFICATE_EXPIRED' });
    session.free();
  });

  it('is of no use under other roots, or for the other side', () => {
    const presented = leaf({ usages: ['client'] });
    const accepting = shakeHands(context('client', presented), context('server', leaf()));
    expect(accepting.result.server).toBe(TLS_DONE);
    accepting.free();
    const others = testCertificate({ authority: true, subject: 'other root' });
    const elsewhere = shakeHands(context('client', presented), context('server', leaf(), others.certificatePem));
    expect(elsewhere.result.server).toBe(TLS_FAILED);
    elsewhere.free();
    const asServer = shakeHands(context('client', leaf()), context('server', presented));
    expect(asServer.result.client).toBe(TLS_FAILED);
    asServer.free();
  });
});

describe('keys', () => {
  it('may be changed in the middle of a connection, also while output waits in a pair', () => {
    const keyUpdate = openssl('SSL_key_update', 'int', ['uintptr_t', 'int']);
    const session = shakeHands(context('client', leaf()), context('server', leaf()));
    const pair = newBioPair(100_000);
    attach(session.ssl.server, pair);
    for (let round = 0; round < 3; round += 1) {
      // SSL_KEY_UPDATE_REQUESTED: the other side is to change its keys too.
      expect(keyUpdate(session.ssl.client, 1)).toBe(1);
      expect(write(session.ssl.client, memory.address, 1000)).toBe(1000);
      untilReadable(session.fd.server);
      let received = 0;
      while (received < 1000) received += Math.max(read(session.ssl.server, memory.address, 16_384), 0);
      expect(write(session.ssl.server, memory.address, 500)).toBe(500);
      for (let length = pairBytes(pair); length > 0; length = pairBytes(pair)) {
        pairConsume(pair, send(session.fd.server, pairAddress(), length));
      }
      untilReadable(session.fd.client);
      let answered = 0;
      while (answered < 500) answered += Math.max(read(session.ssl.client, memory.address, 16_384), 0);
    }
    session.free();
    freeBioPair(pair);
  });
});

describe('a TLS context', () => {
  const good = leaf();
  const whole = {
    side: 'client' as const,
    certificateChainPem: good.certificatePem,
    privateKeyPem: good.privateKeyPem,
    rootsPem: root.certificatePem,
  };

  it.each([
    { field: 'certificateChainPem', value: '', message: 'certificateChainPem: holds no certificate' },
    { field: 'rootsPem', value: 'nonsense', message: 'rootsPem: holds no certificate' },
    {
      field: 'rootsPem',
      value: `${root.certificatePem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
      message: 'rootsPem: certificate 2',
    },
    { field: 'privateKeyPem', value: 'nonsense', message: 'privateKeyPem: ' },
    { field: 'privateKeyPem', value: leaf().privateKeyPem, message: 'privateKeyPem: ' },
    { field: 'cipherSuites', value: 'NONE_SUCH', message: 'cipher suites NONE_SUCH' },
  ])('refuses $field that is not usable and says so', ({ field, value, message }) => {
    expect(() => createTlsContext({ ...whole, [field]: value })).toThrow(
      expect.objectContaining({ code: 'AMBIT_TLS_CONTEXT', message: expect.stringContaining(message) as string }),
    );
  });

  it('takes several roots and an intermediate in the chain', () => {
    const intermediate = testCertificate({ authority: true, subject: 'intermediate', issuer: root });
    const below = testCertificate({ issuer: intermediate, uris: ['spiffe://cluster.local/ns/a/sa/b'] });
    const chained = { ...below, certificatePem: below.certificatePem + intermediate.certificatePem };
    const roots = testCertificate({ authority: true, subject: 'older root' }).certificatePem + root.certificatePem;
    const session = shakeHands(context('client', chained), context('server', good, roots));
    expect(session.result.server).toBe(TLS_DONE);
    expect(peerCertificate(session.ssl.server)?.uris).toEqual(['spiffe://cluster.local/ns/a/sa/b']);
    session.free();
  });

  it('takes an intermediate as the only root, as the peers in Rust and Go do', () => {
    const intermediate = testCertificate({ authority: true, subject: 'intermediate', issuer: root });
    const below = testCertificate({ issuer: intermediate });
    const session = shakeHands(context('client', below), context('server', good, intermediate.certificatePem));
    expect(session.result.server).toBe(TLS_DONE);
    session.free();
  });

  it('may be freed while its sessions live, and not be used afterwards', () => {
    const client = createTlsContext(whole);
    const session = shakeHands(client, context('server', good));
    client.free();
    client.free();
    expect(write(session.ssl.client, memory.address, 10)).toBe(10);
    expect(() => newSession(client, session.fd.client)).toThrow('freed');
    session.free();
  });
});

it('says what is wrong in words a user can act on', () => {
  expect(new TlsError('certificate-expired', 'us', 'x').message).toContain("the peer's certificate has expired");
});

/** The extension numbers of a ClientHello record. */
function extensionsOf(record: Buffer): number[] {
  let at = 5 + 4 + 2 + 32;
  at += 1 + record.readUInt8(at);
  at += 2 + record.readUInt16BE(at);
  at += 1 + record.readUInt8(at);
  const end = at + 2 + record.readUInt16BE(at);
  const found: number[] = [];
  for (at += 2; at < end; at += 4 + record.readUInt16BE(at + 2)) found.push(record.readUInt16BE(at));
  return found;
}
