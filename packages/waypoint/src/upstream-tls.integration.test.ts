import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { testCertificate, testRevocations } from '@ambit/native/test-certificates';
import type { UpstreamTls } from '@ambit/traffic/model/served-service';
import { type Answer, Client, raw, Raw } from './test-application.ts';
import { root } from './test-identities.ts';
import type { serviceModel } from './test-models.ts';
import { cuttingServer, inside, outside, prefixed, secureEcho, secureServer, tls, until } from './test-outside.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

const HOST = 'api.example.com';
const DAY = 86_400_000;
const server = testCertificate({
  issuer: root,
  dns: [HOST, '*.wild.example.com'],
  ips: ['127.0.0.7'],
  uris: ['spiffe://a/b'],
});
const client = testCertificate({ issuer: root, uris: ['spiffe://cluster.local/ns/shop/sa/client'] });

const listening: Server[] = [];
afterEach(() => {
  for (const one of listening.splice(0)) one.close();
});

function bedOf(settings: UpstreamTls, fields: Parameters<typeof serviceModel>[0] = {}): TestWaypoint {
  return start({ endpoints: { 'out-1': () => undefined }, upstreamTls: settings, ...fields });
}

async function place(bed: TestWaypoint, listener: Server): Promise<void> {
  listening.push(listener);
  await outside(bed, 'out-1', listener);
}

async function get(bed: TestWaypoint, authority = HOST, version: 'HTTP/1.1' | 'HTTP/2' = 'HTTP/1.1'): Promise<Answer> {
  const answer = new Client(bed, version).send({ ':authority': authority });
  await until(bed, () => answer.settled);
  return answer;
}

/** Whose certificate the server shows, and what is asked of it. */
type Case = [what: string, settings: UpstreamTls, identity: typeof server, authority: string, code: string | undefined];

const dns = (name: string) => [{ kind: 'dns', name }] as const;

const CASES: Case[] = [
  ['the host of the request', tls(), server, HOST, undefined],
  ['the host of the request with a port and in capitals', tls(), server, `${HOST.toUpperCase()}:8443`, undefined],
  ['a host under a wildcard', tls(), server, 'a.wild.example.com', undefined],
  ['a host two labels under a wildcard', tls(), server, 'a.b.wild.example.com', 'AMBIT_TLS_WRONG_NAME'],
  ['another host', tls(), server, 'other.example.com', 'AMBIT_TLS_WRONG_NAME'],
  ['an address', tls(), server, '127.0.0.7', undefined],
  ['another address', tls(), server, '127.0.0.8', 'AMBIT_TLS_WRONG_NAME'],
  ['the server name of the rule', tls({ serverName: HOST }), server, 'shop', undefined],
  ['another server name of the rule', tls({ serverName: 'x.example.com' }), server, HOST, 'AMBIT_TLS_WRONG_NAME'],
  ['an accepted name', tls({ acceptedNames: dns(HOST) }), server, 'shop', undefined],
  ['an accepted URI', tls({ acceptedNames: [{ kind: 'uri', name: 'spiffe://a/b' }] }), server, 'shop', undefined],
  ['a longer URI', tls({ acceptedNames: [{ kind: 'uri', name: 'spiffe://a' }] }), server, HOST, 'AMBIT_TLS_WRONG_NAME'],
  ['none of the accepted names', tls({ acceptedNames: dns('b') }), server, HOST, 'AMBIT_TLS_WRONG_NAME'],
  [
    'a certificate that has expired',
    tls(),
    testCertificate({ issuer: root, dns: [HOST], notAfter: Date.now() - DAY, notBefore: Date.now() - 2 * DAY }),
    HOST,
    'AMBIT_TLS_CERTIFICATE_EXPIRED',
  ],
  [
    'a certificate of an unknown authority',
    tls(),
    testCertificate({ issuer: testCertificate({ authority: true, subject: 'other' }), dns: [HOST] }),
    HOST,
    'AMBIT_TLS_UNKNOWN_AUTHORITY',
  ],
  [
    'a certificate that clients alone may use',
    tls(),
    testCertificate({ issuer: root, dns: [HOST], usages: ['client'] }),
    HOST,
    'AMBIT_TLS_CERTIFICATE_INVALID',
  ],
  [
    'a certificate that was revoked',
    tls({ crlPem: testRevocations(root, [server]) }),
    server,
    HOST,
    'AMBIT_TLS_CERTIFICATE_REVOKED',
  ],
  ['a certificate that was not revoked', tls({ crlPem: testRevocations(root, [client]) }), server, HOST, undefined],
  ['a list of revoked certificates that cannot be read', tls({ crlPem: 'x' }), server, HOST, 'AMBIT_TLS_CONTEXT'],
  [
    'an authority that the runtime does not know',
    tls({ trust: { kind: 'system' } }),
    server,
    HOST,
    'AMBIT_TLS_UNKNOWN_AUTHORITY',
  ],
  [
    'an unknown authority and another name, unverified',
    tls({ trust: { kind: 'unverified' } }),
    testCertificate({ dns: ['nobody'] }),
    HOST,
    undefined,
  ],
  [
    'what is not there',
    tls({ trust: { kind: 'unavailable', reason: 'ConfigMap shop/ca is not there' } }),
    server,
    HOST,
    'AMBIT_UPSTREAM_TLS',
  ],
];

describe('TLS with an endpoint outside of the mesh', () => {
  it.each(CASES)('asked for %s', async (_what, settings, identity, authority, code) => {
    const bed = bedOf(settings);
    const { listener, seen } = secureServer(identity);
    await place(bed, listener);
    const answer = await get(bed, authority);
    if (code === undefined) {
      expect([answer.status, answer.body]).toEqual([200, 'hello']);
      expect(seen.map(({ version }) => version)).toEqual(['1.1']);
    } else {
      expect(answer.status).toBe(503);
      expect(seen).toEqual([]);
      const line = bed.lines().at(-1) ?? '';
      expect(line).toContain(' UF ');
      expect(line).toContain(code === 'AMBIT_UPSTREAM_TLS' ? 'ConfigMap shop/ca is not there' : 'no TLS with');
      expect(line).toContain(`reason="${code}"`);
      expect(line).toContain(':8080 as ');
    }
  });

  it('names the host by SNI, and an address not at all', async () => {
    const bed = bedOf(tls());
    const { listener, seen } = secureServer(server);
    await place(bed, listener);
    await get(bed, 'A.wild.example.com');
    await get(bed, '127.0.0.7');
    expect(seen.map(({ serverName }) => serverName)).toEqual(['a.wild.example.com', false]);
  });

  it.each(['.example.com', '..', '.wild.example.com'])(
    'takes no certificate of the names below %s for it',
    async (host) => {
      const bed = bedOf(tls());
      const { listener, seen } = secureServer(server);
      await place(bed, listener);
      const answer = await get(bed, host);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(seen.map(({ serverName }) => serverName)).not.toContain(host);
    },
  );

  it('sends requests for two hosts on two connections, and for one on one', async () => {
    const bed = bedOf(tls());
    const { listener } = secureServer(server);
    let connections = 0;
    listener.on('connection', () => (connections += 1));
    await place(bed, listener);
    for (const host of [HOST, HOST, 'a.wild.example.com', HOST]) expect((await get(bed, host)).status).toBe(200);
    expect(connections).toBe(2);
  });

  it.each([
    ['http2', 'HTTP/1.1', true, ['2.0']],
    ['http1', 'HTTP/2', true, ['2.0']],
    ['http1', 'HTTP/2', false, ['1.1']],
    ['http1', 'HTTP/1.1', true, ['1.1']],
    ['http2', 'HTTP/1.1', false, []],
  ] as const)(
    'of a cluster that speaks %s with a client of %s: HTTP/2 at the server %s',
    async (protocol, version, http2, versions) => {
      const bed = bedOf(tls(), { protocol });
      const { listener, seen } = secureServer(server, { http2 });
      await place(bed, listener);
      const answer = await get(bed, HOST, version);
      expect(seen.map((one) => one.version)).toEqual(versions);
      expect(answer.status).toBe(versions.length === 0 ? 503 : 200);
    },
  );

  it('carries large answers whole to a client that is slow to read', async () => {
    const bed = bedOf(tls());
    const content = 'x'.repeat(3_000_000);
    const { listener } = secureServer(server, { answer: content });
    await place(bed, listener);
    const answer = new Client(bed, 'HTTP/1.1').send({ ':authority': HOST });
    answer.reads = false;
    await until(bed, () => answer.bytes > 0);
    bed.loop.pass(50);
    answer.readOn();
    await until(bed, () => answer.settled);
    expect([answer.reset, answer.bytes]).toEqual([undefined, content.length]);
  });

  it('carries bytes that nobody looks at, with the host of the cluster in place of a request', async () => {
    const identity = testCertificate({ issuer: root, dns: ['cart.shop.svc.cluster.local'] });
    const bed = bedOf(tls(), { protocol: 'tcp' });
    await place(bed, secureEcho(identity));
    const opened = new Raw();
    const one = await openLater(bed, opened);
    opened.endpoint = one;
    opened.write('hello over TLS');
    await until(bed, () => opened.text === 'hello over TLS');
    opened.text = '';
    const many = Array.from({ length: 40_000 }, (_, index) => `${index} `).join('');
    for (let round = 0; round < 5; round++) {
      opened.write(many);
      await until(bed, () => opened.text.length >= many.length);
      expect(opened.text === many).toBe(true);
      opened.text = '';
    }
    one.endOutput();
    await until(bed, () => opened.ended);
  });

  it('is given up when the server does not shake hands', async () => {
    const bed = bedOf(tls(), { connectTimeoutMs: 100 });
    await place(bed, createServer());
    const answer = await get(bed);
    expect(answer.status).toBe(503);
    expect(bed.lines().at(-1)).toMatch(/ UF \S*connection_timeout.*reason="AMBIT_TLS_TIMEOUT"/);
  });

  it('tells an answer that was cut from one that has ended', async () => {
    const bed = bedOf(tls());
    await place(bed, cuttingServer(server, 'HTTP/1.1 200 OK\r\n\r\nthe first half'));
    const answer = await get(bed);
    expect([answer.status, answer.complete]).toEqual([200, false]);
  });

  it('tries another endpoint when the first cannot be believed', async () => {
    const bed = start({
      endpoints: { 'out-1': () => undefined, 'out-2': () => undefined },
      upstreamTls: tls(),
      action: { retry: { ...RETRY, conditions: ['connect-failure'] } },
    });
    const wrong = secureServer(testCertificate({ issuer: root, dns: ['other'] }));
    const right = secureServer(server);
    listening.push(wrong.listener, right.listener);
    await outside(bed, 'out-1', wrong.listener);
    await outside(bed, 'out-2', right.listener);
    for (let count = 0; count < 6; count++) expect((await get(bed)).status).toBe(200);
    expect(right.seen.length).toBe(6);
  });
});

const RETRY = {
  retries: 2,
  statusCodes: [],
  perTryTimeoutMs: 0,
  backoffBaseMs: 1,
  ignorePreviousEndpoints: false,
  remoteLocalities: false,
} as const;

async function openLater(bed: TestWaypoint, handler: Raw) {
  const opening = bed.beginOpen(handler);
  await until(bed, () => opening.result !== undefined);
  const { result } = opening;
  if (result === undefined || !('output' in result)) throw new Error('refused');
  return result;
}

describe('a client certificate', () => {
  const settings = tls({ clientCertificate: 'shop/client' });
  const certificate = {
    name: 'shop/client',
    version: '1',
    certificateChainPem: client.certificatePem,
    privateKeyPem: client.privateKeyPem,
  };
  const asking = { requestCert: true, ca: root.certificatePem, rejectUnauthorized: true };

  it('is shown to who asks for one', async () => {
    const bed = bedOf(settings);
    bed.tls.put(certificate);
    const { listener, seen } = secureServer(server, asking);
    await place(bed, listener);
    expect((await get(bed)).status).toBe(200);
    expect(seen.map((one) => one.client)).toEqual(['URI:spiffe://cluster.local/ns/shop/sa/client']);
  });

  it('that is not here closes the destination, and says so', async () => {
    const bed = bedOf(settings);
    const { listener } = secureServer(server, asking);
    await place(bed, listener);
    expect((await get(bed)).status).toBe(503);
    expect(bed.lines().at(-1)).toContain('the client certificate of Secret shop/client is not here');
  });

  it('is exchanged without a restart', async () => {
    const bed = bedOf(settings);
    bed.tls.put(certificate);
    const { listener, seen } = secureServer(server, asking);
    await place(bed, listener);
    const connection = new Client(bed, 'HTTP/1.1');
    const send = async (): Promise<void> => {
      const answer = connection.send({ ':authority': HOST });
      await until(bed, () => answer.settled);
      expect(answer.status).toBe(200);
    };
    await send();
    const next = testCertificate({ issuer: root, uris: ['spiffe://cluster.local/ns/shop/sa/next'] });
    bed.tls.put({
      ...certificate,
      version: '2',
      certificateChainPem: next.certificatePem,
      privateKeyPem: next.privateKeyPem,
    });
    await send();
    bed.tls.put({ ...certificate, version: '3' });
    await send();
    expect(seen.map((one) => one.client?.split('/').at(-1))).toEqual(['client', 'next', 'client']);
  });
});

describe('TLS inside the tunnel of an endpoint in the mesh', () => {
  it('ends at the application', async () => {
    const { listener, seen } = secureServer(server);
    listening.push(listener);
    const bed = start({ endpoints: { 'cart-1': await inside(listener) }, upstreamTls: tls() });
    expect((await get(bed)).status).toBe(200);
    expect(bed.endpoint('cart-1').tunnels).toBe(1);
    expect(seen.map(({ serverName }) => serverName)).toEqual([HOST]);
  });
});

describe('the PROXY protocol', () => {
  const HEADERS = [
    [
      'v1',
      /^PROXY TCP4 127\.0\.0\.1 10\.96\.0\.1 \d{4,5} 80\r\n$/,
      'PROXY TCP4 127.0.0.1 10.96.0.1 50000 80\r\n'.length,
    ],
    ['v2', /^0d0a0d0a000d0a515549540a2111000c7f0000010a600001[0-9a-f]{4}0050$/, 28],
  ] as const;

  it.each(HEADERS)('%s goes before TLS', async (proxyProtocol, pattern, length) => {
    const heads: Buffer[] = [];
    const { listener } = secureServer(server);
    const bed = bedOf(tls(), { proxyProtocol });
    await place(bed, prefixed(length, heads, listener));
    expect((await get(bed)).status).toBe(200);
    expect(heads.map((head) => head.toString(proxyProtocol === 'v1' ? 'latin1' : 'hex'))).toEqual([
      expect.stringMatching(pattern),
    ]);
  });

  it('goes before the first bytes of a connection that nobody looks at, in a tunnel too', async () => {
    const heads: Buffer[] = [];
    const listener = prefixed(28, heads);
    listening.push(listener);
    const bed = start({ endpoints: { 'cart-1': await inside(listener) }, protocol: 'tcp', proxyProtocol: 'v2' });
    const opened = raw(bed);
    opened.write('first');
    await until(bed, () => opened.text === 'first');
    expect(heads.map((head) => head.toString('hex').slice(0, 24))).toEqual(['0d0a0d0a000d0a515549540a']);
  });
});
