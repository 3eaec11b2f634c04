import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { TestAuthority } from '@ambit/identity/test-authority';
import { ADDRESS_TYPE_URL } from '@ambit/proto/workload';
import { AUTHORIZATION_TYPE_URL } from '@ambit/proto/authorization';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ClientFacts, SEES_EVERYTHING, type Visibility } from './client-facts.ts';
import { DeltaClient, type DeltaClientEvent, type DeltaClientOptions } from './delta-client.ts';
import { DeltaServer, type DeltaServerEvent, deltaServerOptions } from './delta-server.ts';
import { ResourceCache } from './resource-cache.ts';
import type { RejectedResource, ResourceUpdate } from './resource.ts';
import { TestGrpcServer } from './test-grpc-server.ts';

const TYPES = [AUTHORIZATION_TYPE_URL, ADDRESS_TYPE_URL];

let authority: TestAuthority;
let folder: string;
let cache: ResourceCache;
let endpoint: TestGrpcServer;
let server: DeltaServer;
let serverEvents: DeltaServerEvent[];
let admitted: ClientFacts[];
let authenticate: (facts: ClientFacts) => Promise<Visibility>;
const stops: (() => void)[] = [];

beforeAll(async () => {
  authority = await TestAuthority.create();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ambit-xds-'));
  await writeFile(join(folder, 'token'), 'first-token\n');
  cache = new ResourceCache(TYPES);
  serverEvents = [];
  admitted = [];
  authenticate = () => Promise.resolve(SEES_EVERYTHING);
  await startServer();
});

afterEach(async () => {
  for (const stop of stops.splice(0)) stop();
  await rm(folder, { recursive: true });
});

async function startServer(port = 0): Promise<void> {
  endpoint = new TestGrpcServer(authority, deltaServerOptions);
  server = new DeltaServer({
    cache,
    clock: systemClock,
    authenticate: async (facts) => {
      const visibility = await authenticate(facts);
      admitted.push(facts);
      return visibility;
    },
    onEvent: (event) => serverEvents.push(event),
  });
  server.addTo(endpoint.server);
  await endpoint.listen({ port });
  const started = { server, endpoint };
  stops.push(() => {
    started.server.destroy();
    started.endpoint.stop();
  });
}

/** A client that keeps what it is sent in plain maps, and the journal of how it came. */
class Owner {
  readonly state = new Map(TYPES.map((typeUrl) => [typeUrl, new Map<string, string>()]));
  readonly journal: string[] = [];
  readonly events: DeltaClientEvent[] = [];
  readonly client: DeltaClient;
  reject: (name: string, content: string) => string | undefined = () => undefined;
  beforeApply: () => Promise<void> = () => Promise.resolve();

  constructor(options: Partial<DeltaClientOptions> = {}) {
    this.client = new DeltaClient({
      controlPlane: {
        address: endpoint.address,
        roots: { pem: authority.rootPem },
        tokenFile: join(folder, 'token'),
        clusterId: 'Kubernetes',
      },
      node: { id: 'ztunnel~10.0.0.1~z.istio-system~istio-system.svc.cluster.local', metadata: { NODE_NAME: 'a' } },
      typeUrls: TYPES,
      clock: systemClock,
      random: Math.random,
      apply: (update) => this.#apply(update),
      onEvent: (event) => this.events.push(event),
      ...options,
    });
    stops.push(() => this.client.destroy());
    this.client.start();
  }

  kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }

  addresses(): Record<string, string> {
    return Object.fromEntries(this.state.get(ADDRESS_TYPE_URL) ?? []);
  }

  async #apply(update: ResourceUpdate): Promise<RejectedResource[]> {
    await this.beforeApply();
    const held = this.state.get(update.typeUrl);
    const rejected: RejectedResource[] = [];
    for (const { name, bytes } of update.resources) {
      const content = Buffer.from(bytes).toString();
      const reason = this.reject(name, content);
      this.journal.push(`${name}=${content}`);
      if (reason === undefined) held?.set(name, content);
      else rejected.push({ name, reason });
    }
    for (const name of update.removed) {
      this.journal.push(`-${name}`);
      held?.delete(name);
    }
    return rejected;
  }
}

function put(typeUrl: string, resources: Record<string, string>, removals: string[] = []): void {
  const upserts = Object.entries(resources).map(([name, content]) => ({ name, bytes: Buffer.from(content) }));
  cache.update([{ typeUrl, upserts, removals }]);
}

describe('DeltaClient and DeltaServer', () => {
  it('brings everything, then changes, and says when every type is there', async () => {
    put(ADDRESS_TYPE_URL, { a: '1', b: '1' });
    const owner = new Owner();
    await vi.waitFor(() => expect(owner.client.synced).toBe(true));
    expect(owner.addresses()).toEqual({ a: '1', b: '1' });
    expect(owner.kinds()).toEqual(['connected', 'synced']);
    put(ADDRESS_TYPE_URL, { b: '2', c: '1' }, ['a']);
    await vi.waitFor(() => expect(owner.addresses()).toEqual({ b: '2', c: '1' }));
    expect(owner.journal).toEqual(['a=1', 'b=1', 'b=2', 'c=1', '-a']);
    expect(server.clients()).toEqual(['ztunnel~10.0.0.1~z.istio-system~istio-system.svc.cluster.local']);
  });

  it('shows the server who connects before anything is sent', async () => {
    const owner = new Owner();
    await vi.waitFor(() => expect(owner.client.synced).toBe(true));
    expect(admitted).toMatchObject([
      {
        bearerToken: 'first-token',
        clusterId: 'Kubernetes',
        peerCertificate: undefined,
        node: { metadata: { NODE_NAME: 'a' } },
      },
    ]);
    expect(admitted[0]?.peerAddress).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('refuses a client whose token is not accepted, which tries again with the token of that time', async () => {
    put(ADDRESS_TYPE_URL, { secret: '1' });
    authenticate = ({ bearerToken }) => {
      if (bearerToken === 'second-token') return Promise.resolve(SEES_EVERYTHING);
      return Promise.reject(new AmbitError('AMBIT_TEST', `token ${String(bearerToken)} is expired`));
    };
    const owner = new Owner();
    await vi.waitFor(() => expect(owner.kinds().filter((kind) => kind === 'disconnected').length).toBeGreaterThan(2));
    expect(owner.events.find(({ kind }) => kind === 'disconnected')).toMatchObject({
      error: { code: 'AMBIT_XDS_REFUSED', message: expect.stringContaining('token first-token is expired') as string },
    });
    expect(owner.journal).toEqual([]);
    expect(serverEvents).toContainEqual(expect.objectContaining({ kind: 'refused' }));
    await writeFile(join(folder, 'token'), 'second-token');
    await vi.waitFor(() => expect(owner.addresses()).toEqual({ secret: '1' }), { timeout: 5_000 });
  });

  it('applies the good part of an update, names the rest, and gets the rest again on reconnect', async () => {
    put(ADDRESS_TYPE_URL, { good: '1', bad: '1' });
    const owner = new Owner();
    await vi.waitFor(() => expect(owner.client.synced).toBe(true));
    owner.reject = (_, content) => (content === 'broken' ? 'invalid CIDR 10.0.0.0/33' : undefined);
    put(ADDRESS_TYPE_URL, { good: '2', bad: 'broken' });
    await vi.waitFor(() => expect(serverEvents.map(({ kind }) => kind)).toContain('rejected'));
    expect(owner.addresses()).toEqual({ good: '2', bad: '1' });
    expect(serverEvents).toContainEqual({
      kind: 'rejected',
      nodeId: server.clients()[0],
      typeUrl: ADDRESS_TYPE_URL,
      message: 'bad: invalid CIDR 10.0.0.0/33',
    });
    expect(owner.events.at(-1)).toMatchObject({ kind: 'rejected', rejected: [{ name: 'bad' }] });

    owner.reject = () => undefined;
    owner.journal.length = 0;
    await restartServer();
    await vi.waitFor(() => expect(owner.addresses()).toEqual({ good: '2', bad: 'broken' }), { timeout: 5_000 });
    expect(owner.journal).toEqual(['bad=broken']);
  });

  it('costs only the differences to reconnect, removals included', async () => {
    put(ADDRESS_TYPE_URL, { same: '1', changed: '1', gone: '1' });
    const owner = new Owner();
    await vi.waitFor(() => expect(owner.client.synced).toBe(true));
    owner.journal.length = 0;
    const { port } = endpoint;
    server.destroy();
    endpoint.stop();
    await vi.waitFor(() => expect(owner.client.connected).toBe(false));
    put(ADDRESS_TYPE_URL, { changed: '2', fresh: '1' }, ['gone']);
    await startServer(port);
    await vi.waitFor(() => expect(owner.journal).toEqual(['changed=2', 'fresh=1', '-gone']), { timeout: 5_000 });
    expect(owner.kinds().filter((kind) => kind === 'synced')).toHaveLength(1);
  });

  it('asks for a further type when it is told to, and in the streams that follow', async () => {
    put(AUTHORIZATION_TYPE_URL, { policy: '1' });
    const owner = new Owner({ typeUrls: [ADDRESS_TYPE_URL] });
    await vi.waitFor(() => expect(owner.client.synced).toBe(true));
    expect(owner.journal).toEqual([]);
    owner.client.ask(AUTHORIZATION_TYPE_URL);
    owner.client.ask(AUTHORIZATION_TYPE_URL);
    await vi.waitFor(() => expect(owner.journal).toEqual(['policy=1']));
    const { port } = endpoint;
    server.destroy();
    endpoint.stop();
    await vi.waitFor(() => expect(owner.client.connected).toBe(false));
    put(AUTHORIZATION_TYPE_URL, { policy: '2' });
    await startServer(port);
    await vi.waitFor(() => expect(owner.journal).toEqual(['policy=1', 'policy=2']), { timeout: 5_000 });
    expect(owner.kinds().filter((kind) => kind === 'synced')).toHaveLength(1);
  });

  it('brings back a resource that was removed and is there again, with the same content', async () => {
    put(ADDRESS_TYPE_URL, { a: '1' });
    const owner = new Owner();
    await vi.waitFor(() => expect(owner.client.synced).toBe(true));
    put(ADDRESS_TYPE_URL, {}, ['a']);
    await vi.waitFor(() => expect(owner.addresses()).toEqual({}));
    const { port } = endpoint;
    server.destroy();
    endpoint.stop();
    put(ADDRESS_TYPE_URL, { a: '1' });
    await startServer(port);
    await vi.waitFor(() => expect(owner.addresses()).toEqual({ a: '1' }), { timeout: 5_000 });
  });

  it('takes up from saved versions without being sent what it holds', async () => {
    put(ADDRESS_TYPE_URL, { a: '1', b: '1' });
    const before = new Owner();
    await vi.waitFor(() => expect(before.client.synced).toBe(true));
    const held = new Map([[ADDRESS_TYPE_URL, new Map(before.client.held(ADDRESS_TYPE_URL))]]);
    before.client.destroy();
    put(ADDRESS_TYPE_URL, { b: '2' });
    const after = new Owner({ held });
    await vi.waitFor(() => expect(after.client.synced).toBe(true));
    expect(after.journal).toEqual(['b=2']);
  });

  it('acknowledges only when the owner has applied, and gathers meanwhile', async () => {
    const owner = new Owner();
    await vi.waitFor(() => expect(owner.client.synced).toBe(true));
    let release: () => void = () => undefined;
    owner.beforeApply = () => new Promise((resolve) => (release = resolve));
    put(ADDRESS_TYPE_URL, { a: '1' });
    await new Promise((resolve) => setTimeout(resolve, 150));
    for (const content of ['2', '3', '4']) put(ADDRESS_TYPE_URL, { a: content });
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(owner.journal).toEqual([]);
    owner.beforeApply = () => Promise.resolve();
    release();
    await vi.waitFor(() => expect(owner.journal).toEqual(['a=1', 'a=4']));
  });

  it('sends policies before the workloads that name them, and removes them after', async () => {
    const owner = new Owner();
    await vi.waitFor(() => expect(owner.client.synced).toBe(true));
    const both = (policies: [string[], string[]], workloads: string): void => {
      const [added, removals] = policies;
      cache.update([
        { typeUrl: ADDRESS_TYPE_URL, upserts: [{ name: 'pod', bytes: Buffer.from(workloads) }], removals: [] },
        {
          typeUrl: AUTHORIZATION_TYPE_URL,
          upserts: added.map((name) => ({ name, bytes: Buffer.from('1') })),
          removals,
        },
      ]);
    };
    both([['p'], []], 'p');
    await vi.waitFor(() => expect(owner.journal).toEqual(['p=1', 'pod=p']));
    both([['q'], ['p']], 'q');
    await vi.waitFor(() => expect(owner.journal.slice(2)).toEqual(['q=1', 'pod=q', '-p']));
  });

  it('brings an update again that the owner could not judge', async () => {
    put(ADDRESS_TYPE_URL, { a: '1' });
    const owner = new Owner();
    await vi.waitFor(() => expect(owner.client.synced).toBe(true));
    let failures = 2;
    owner.beforeApply = () => (failures-- > 0 ? Promise.reject(new Error('a thread died')) : Promise.resolve());
    put(ADDRESS_TYPE_URL, { a: '2' });
    await vi.waitFor(() => expect(owner.addresses()).toEqual({ a: '2' }), { timeout: 5_000 });
    const errors = owner.events.flatMap((event) => (event.kind === 'disconnected' ? [event.error?.message] : []));
    expect(errors[0]).toContain('a thread died');
  });

  it('serves a whole mesh in one message, far above gRPC’s own limit', async () => {
    const content = 'x'.repeat(1_000);
    put(ADDRESS_TYPE_URL, Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`pod-${index}`, content])));
    let updates = 0;
    const owner = new Owner();
    owner.beforeApply = () => Promise.resolve(void (updates += 1));
    await vi.waitFor(() => expect(owner.client.synced).toBe(true), { timeout: 20_000, interval: 20 });
    expect(owner.state.get(ADDRESS_TYPE_URL)?.size).toBe(20_000);
    expect(updates).toBe(2);
  });

  it('starts a new stream now and then, without losing or repeating anything', async () => {
    put(ADDRESS_TYPE_URL, { a: '1' });
    const owner = new Owner({ resyncMs: 200 });
    await vi.waitFor(() => expect(admitted.length).toBeGreaterThan(2), { timeout: 5_000 });
    expect(owner.journal).toEqual(['a=1']);
    expect(owner.events.filter(({ kind }) => kind === 'disconnected')[0]).toMatchObject({
      error: undefined,
      retryInMs: 0,
    });
  });

  it('closes after the update under way is applied and acknowledged', async () => {
    const owner = new Owner();
    await vi.waitFor(() => expect(owner.client.synced).toBe(true));
    let release: () => void = () => undefined;
    let applying = false;
    owner.beforeApply = () => {
      applying = true;
      return new Promise((resolve) => (release = resolve));
    };
    owner.reject = () => 'seen';
    put(ADDRESS_TYPE_URL, { a: '1' });
    await vi.waitFor(() => expect(applying).toBe(true));
    const closing = owner.client.close({ deadline: 5_000 });
    release();
    await closing;
    await vi.waitFor(() => expect(serverEvents.map(({ kind }) => kind)).toContain('disconnected'));
    expect(serverEvents.map(({ kind }) => kind)).toContain('rejected');
    expect(server.clients()).toEqual([]);
  });

  it('cuts at the deadline when an update is never applied', async () => {
    const owner = new Owner();
    await vi.waitFor(() => expect(owner.client.synced).toBe(true));
    let applying = false;
    owner.beforeApply = () => {
      applying = true;
      return new Promise(() => undefined);
    };
    put(ADDRESS_TYPE_URL, { a: '1' });
    await vi.waitFor(() => expect(applying).toBe(true));
    await owner.client.close({ deadline: 100 });
    await vi.waitFor(() => expect(server.clients()).toEqual([]));
  });

  it('hands its clients over one by one when it closes', async () => {
    const owners = [new Owner(), new Owner(), new Owner()];
    for (const owner of owners) await vi.waitFor(() => expect(owner.client.synced).toBe(true));
    await server.close({ deadline: 300 });
    expect(server.clients()).toEqual([]);
    for (const owner of owners) {
      await vi.waitFor(() =>
        expect(owner.events.find(({ kind }) => kind === 'disconnected')).toMatchObject({ error: undefined }),
      );
    }
  });
});

async function restartServer(): Promise<void> {
  const { port } = endpoint;
  server.destroy();
  endpoint.stop();
  await startServer(port);
}
