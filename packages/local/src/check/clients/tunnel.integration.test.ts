import { once } from 'node:events';
import { type Http2SecureServer, type ServerHttp2Stream, createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { TestAuthority } from '@ambit/identity/test-authority';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PeerCertificate, TunnelVisit } from './tunnel-options.ts';
import { visitTunnel } from './tunnel.ts';

let server: Http2SecureServer;
let authority: TestAuthority;
let visit: Omit<TunnelVisit, 'kind'>;

async function certificate(from: TestAuthority, notAfter?: Date): Promise<PeerCertificate> {
  const issued = await from.issue('spiffe://cluster.local/ns/a/sa/b', notAfter === undefined ? {} : { notAfter });
  return { certificate: issued.certificateChainPem, privateKey: issued.privateKeyPem };
}

beforeAll(async () => {
  authority = await TestAuthority.create();
  const own = await certificate(authority);
  server = createSecureServer({
    cert: own.certificate,
    key: own.privateKey,
    ca: authority.rootPem,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    handshakeTimeout: 200,
  });
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined);
    const status = headers[':method'] === 'CONNECT' ? 401 : 400;
    stream.respond({ ':status': status, 'x-ambit-reason': 'because' }, { endStream: true });
  });
  server.on('sessionError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  visit = {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    peer: await certificate(authority),
    timeout: 5_000,
  };
});

afterAll(() => {
  server.close();
});

describe('a visit to a tunnel port', () => {
  it('sees the status and the reason of a refusal', async () => {
    expect(await visitTunnel({ ...visit, kind: 'connect', authority: '10.0.0.1:80' })).toEqual({
      status: 401,
      reason: 'because',
    });
    expect(await visitTunnel({ ...visit, kind: 'get' })).toMatchObject({ status: 400 });
  });

  it('sees that its certificate is not taken', async () => {
    const stranger = await certificate(await TestAuthority.create());
    const result = await visitTunnel({ ...visit, kind: 'connect', authority: 'x:1', peer: stranger });
    expect(result.status).toBeUndefined();
    expect(result.failure).toBeDefined();
    const expired = await certificate(authority, new Date(Date.now() - 1_000));
    expect((await visitTunnel({ ...visit, kind: 'connect', authority: 'x:1', peer: expired })).failure).toBeDefined();
  });

  it('sees when plain text, silence and half-open handshakes are closed', async () => {
    expect((await visitTunnel({ ...visit, kind: 'plaintext' })).closedAfter).toBeLessThan(1_000);
    expect((await visitTunnel({ ...visit, kind: 'stalled-handshake' })).closedAfter).toBeGreaterThan(100);
    const crowd = await visitTunnel({ ...visit, kind: 'half-open', count: 20, timeout: 1_000 });
    expect(crowd).toMatchObject({ sent: 0 });
  });

  it('sees floods being ended', async () => {
    const bomb = await visitTunnel({ ...visit, kind: 'header-bomb' });
    expect(bomb.closedAfter).toBeDefined();
    expect(bomb.sent).toBeLessThan(10_000_000);
    const resets = await visitTunnel({ ...visit, kind: 'rapid-reset', count: 100_000 });
    expect(resets.closedAfter).toBeDefined();
  });
});
