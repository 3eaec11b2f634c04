import 'reflect-metadata';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { ManualClock } from '@ambit/core/clock';
import { formatSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import { type IstioCertificateRequest, IstioCertificateResponseSchema } from '@ambit/proto/ca';
import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall, status } from '@grpc/grpc-js';
import * as x509 from '@peculiar/x509';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CaClient, type CaClientOptions } from './ca-client.ts';
import { caService } from './ca-service.ts';
import type { IdentityEvent } from './certificate.ts';
import { CertificateStore } from './certificate-store.ts';
import { TestAuthority } from './test-authority.ts';

const HOUR_MS = 3_600_000;
const PAYMENT: SpiffeId = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'payment' };
const URI = formatSpiffeId(PAYMENT);
const never = new AbortController().signal;

type Call = ServerUnaryCall<IstioCertificateRequest, unknown>;

/** A CA behind real gRPC over TLS on loopback. */
class TestCa {
  readonly calls: Call[] = [];
  answer: 'certificate' | 'hang' | { code: status; details: string } = 'certificate';
  wallTime: () => number = Date.now;
  readonly #server = new Server();
  readonly #authority: TestAuthority;
  port = 0;

  constructor(authority: TestAuthority) {
    this.#authority = authority;
    this.#server.addService(caService, {
      CreateCertificate: (call: Call, respond: sendUnaryData<unknown>) => void this.#create(call, respond),
    });
  }

  async listen(tlsAuthority: TestAuthority, port = 0, dnsName = 'localhost'): Promise<void> {
    const { certificateChainPem, privateKeyPem } = await tlsAuthority.issue(undefined, { dnsNames: [dnsName] });
    const pair = { cert_chain: Buffer.from(certificateChainPem), private_key: Buffer.from(privateKeyPem) };
    this.port = await new Promise((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createSsl(null, [pair]), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  async #create(call: Call, respond: sendUnaryData<unknown>): Promise<void> {
    this.calls.push(call);
    if (this.answer === 'hang') return;
    if (this.answer !== 'certificate') {
      respond(this.answer);
      return;
    }
    const asked = call.request.metadata?.ImpersonatedIdentity;
    const now = this.wallTime();
    const { leafPem } = await this.#authority.issue(typeof asked === 'string' ? asked : undefined, {
      csrPem: call.request.csr,
      notBefore: new Date(now),
      notAfter: new Date(now + Number(call.request.validityDuration) * 1_000),
    });
    respond(null, create(IstioCertificateResponseSchema, { certChain: [leafPem, this.#authority.rootPem] }));
  }
}

let authority: TestAuthority;
let ca: TestCa;
let folder: string;
const clients: CaClient[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ambit-ca-'));
  authority = await TestAuthority.create({ notAfter: new Date(Date.now() + 1_000 * HOUR_MS) });
  ca = new TestCa(authority);
  await ca.listen(authority);
  await writeFile(join(folder, 'roots.pem'), authority.rootPem);
  await writeFile(join(folder, 'token'), 'first-token\n');
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  ca.stop();
  await rm(folder, { recursive: true });
});

function newClient(options: Partial<CaClientOptions> = {}): CaClient {
  const client = new CaClient({
    address: `https://localhost:${ca.port}`,
    roots: { file: join(folder, 'roots.pem') },
    tokenFile: join(folder, 'token'),
    clusterId: 'Kubernetes',
    ...options,
  });
  clients.push(client);
  return client;
}

describe('CaClient', () => {
  it('asks on behalf of the workload, with a fresh key, the URI as only name and the node’s token', async () => {
    const client = newClient({ headers: { 'x-tenant': 'a' }, ttlSeconds: 3_600 });
    const issued = await client.fetch(PAYMENT, never);
    expect(issued.chainPem).toHaveLength(2);
    const [call] = ca.calls;
    expect(call?.getPath()).toBe('/istio.v1.auth.IstioCertificateService/CreateCertificate');
    expect(call?.metadata.getMap()).toMatchObject({
      authorization: 'Bearer first-token',
      clusterid: 'Kubernetes',
      'x-tenant': 'a',
    });
    expect(call?.request.metadata).toEqual({ ImpersonatedIdentity: URI });
    expect(call?.request.validityDuration).toBe(3_600n);
    const csr = new x509.Pkcs10CertificateRequest(call?.request.csr ?? '');
    expect(await csr.verify()).toBe(true);
    expect(csr.subject).toBe('');
    expect(csr.publicKey.algorithm).toMatchObject({ name: 'ECDSA', namedCurve: 'P-256' });
    const names = csr.extensions.map((extension) => new x509.SubjectAlternativeNameExtension(extension.rawData).names);
    expect(names.map((name) => name.toJSON())).toEqual([[{ type: 'url', value: URI }]]);

    const again = await client.fetch(PAYMENT, never);
    expect(again.privateKeyPem).not.toBe(issued.privateKeyPem);
  });

  it('reads the token anew for each request', async () => {
    const client = newClient();
    await client.fetch(PAYMENT, never);
    await writeFile(join(folder, 'token'), 'second-token');
    await client.fetch(PAYMENT, never);
    expect(ca.calls.map((call) => call.metadata.get('authorization'))).toEqual([
      ['Bearer first-token'],
      ['Bearer second-token'],
    ]);
    await rm(join(folder, 'token'));
    await expect(client.fetch(PAYMENT, never)).rejects.toMatchObject({ code: 'AMBIT_TOKEN' });
    expect(ca.calls).toHaveLength(2);
  });

  it('follows a change of the root file', async () => {
    const client = newClient();
    await client.fetch(PAYMENT, never);
    const port = ca.port;
    ca.stop();
    const next = await TestAuthority.create({ name: 'next root' });
    ca = new TestCa(next);
    await ca.listen(next, port);
    await expect(client.fetch(PAYMENT, never)).rejects.toMatchObject({ code: 'AMBIT_CA_UNAVAILABLE' });
    await writeFile(join(folder, 'roots.pem'), `${authority.rootPem}${next.rootPem}`);
    expect((await client.fetch(PAYMENT, never)).chainPem[1]).toBe(next.rootPem);
  });

  it('refuses to talk to a server of another name, unless told that name', async () => {
    const other = new TestCa(authority);
    await other.listen(authority, 0, 'istiod.istio-system.svc');
    const address = `https://localhost:${other.port}`;
    try {
      await expect(newClient({ address }).fetch(PAYMENT, never)).rejects.toMatchObject({
        code: 'AMBIT_CA_UNAVAILABLE',
      });
      expect(other.calls).toHaveLength(0);
      await newClient({ address, serverName: 'istiod.istio-system.svc' }).fetch(PAYMENT, never);
      expect(other.calls).toHaveLength(1);
    } finally {
      other.stop();
    }
  });

  it('says what to look at when the CA refuses, or cannot be reached', async () => {
    const client = newClient();
    ca.answer = { code: status.UNAUTHENTICATED, details: 'request impersonation not allowed' };
    await expect(client.fetch(PAYMENT, never)).rejects.toMatchObject({
      code: 'AMBIT_CA_REFUSED',
      retryable: true,
      message: expect.stringContaining('UNAUTHENTICATED: request impersonation not allowed') as string,
    });
    ca.stop();
    await expect(client.fetch(PAYMENT, never)).rejects.toMatchObject({ code: 'AMBIT_CA_UNAVAILABLE' });
  });

  it('reaches a CA that came back at the next request, however long it was away', async () => {
    const client = newClient();
    await client.fetch(PAYMENT, never);
    const port = ca.port;
    ca.stop();
    for (let attempt = 0; attempt < 5; attempt++) {
      await expect(client.fetch(PAYMENT, never)).rejects.toMatchObject({ code: 'AMBIT_CA_UNAVAILABLE' });
    }
    ca = new TestCa(authority);
    await ca.listen(authority, port);
    await client.fetch(PAYMENT, never);
    expect(ca.calls).toHaveLength(1);
  });

  it.each<[string, Partial<CaClientOptions>, string]>([
    ['an address without TLS', { address: 'http://localhost:15012' }, 'AMBIT_CONFIG'],
    ['roots that are not there', { roots: { file: '/does/not/exist' } }, 'AMBIT_TRUST_BUNDLE'],
    ['roots without certificate', { roots: { pem: 'none' } }, 'AMBIT_TRUST_BUNDLE'],
  ])('does not send its token with %s', async (_, options, code) => {
    await expect(newClient(options).fetch(PAYMENT, never)).rejects.toMatchObject({ code });
    expect(ca.calls).toHaveLength(0);
  });

  it('cancels the call at the CA when nobody wants the answer any more', async () => {
    ca.answer = 'hang';
    const abort = new AbortController();
    const fetching = newClient().fetch(PAYMENT, abort.signal);
    await vi.waitFor(() => expect(ca.calls).toHaveLength(1));
    abort.abort();
    await expect(fetching).rejects.toMatchObject({ code: 'AMBIT_CA_UNAVAILABLE' });
    await vi.waitFor(() => expect(ca.calls[0]?.cancelled).toBe(true));
  });
});

describe('CertificateStore with a CA', () => {
  it('renews at half life, and survives an outage of the CA', async () => {
    const clock = new ManualClock(Math.floor(Date.now() / 1000) * 1000);
    ca.wallTime = () => clock.wallTime();
    const events: IdentityEvent[] = [];
    const store = new CertificateStore({
      clock,
      random: () => 0.5,
      source: newClient(),
      onEvent: (event) => events.push(event),
    });
    const kinds = (): string[] => events.map(({ kind }) => kind);

    const certificate = await store.obtain(PAYMENT, { timeoutMs: 5_000 });
    expect(certificate.notAfter - certificate.notBefore).toBe(24 * HOUR_MS);

    ca.answer = { code: status.UNAVAILABLE, details: 'restarting' };
    clock.advance(12 * HOUR_MS);
    await vi.waitFor(() => expect(kinds()).toEqual(['certificate', 'failed']));
    expect(store.get(PAYMENT)).toBe(certificate);

    ca.answer = 'certificate';
    clock.advance(1_000);
    await vi.waitFor(() => expect(kinds()).toEqual(['certificate', 'failed', 'certificate']));
    expect(store.get(PAYMENT)?.notAfter).toBe(clock.wallTime() + 24 * HOUR_MS);
    store.destroy();
  });
});
