import { X509Certificate } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { ManualClock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { TestAuthority } from '@ambit/identity/test-authority';
import { AUTHORIZATION_TYPE_URL } from '@ambit/proto/authorization';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
} from '@ambit/proto/discovery';
import { ADDRESS_TYPE_URL } from '@ambit/proto/workload';
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ClientFacts, SEES_EVERYTHING, type Visibility } from './client-facts.ts';
import { DeltaServer, type DeltaServerEvent, deltaServerOptions } from './delta-server.ts';
import { discoveryService } from './discovery-service.ts';
import { ResourceCache } from './resource-cache.ts';
import { TestGrpcServer } from './test-grpc-server.ts';

/** The fields of a request; the node is added. */
interface Request {
  typeUrl: string;
  resourceNamesSubscribe?: string[];
  resourceNamesUnsubscribe?: string[];
  responseNonce?: string;
}

/** A client that sends what it is told and collects what it gets. */
class RawClient {
  readonly responses: DeltaDiscoveryResponse[] = [];
  readonly #client: Client;
  readonly #call: ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
  headers: Metadata | undefined;
  error: ServiceError | undefined;
  ended = false;

  constructor(address: string, tls: ChannelCredentials, metadata = new Metadata()) {
    const { path, requestSerialize, responseDeserialize } = discoveryService.DeltaAggregatedResources;
    this.#client = new Client(address.slice('https://'.length), tls, { 'grpc.use_local_subchannel_pool': 1 });
    this.#call = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    this.#call.on('data', (response: DeltaDiscoveryResponse) => this.responses.push(response));
    this.#call.on('metadata', (headers: Metadata) => (this.headers = headers));
    this.#call.on('error', (error: ServiceError) => (this.error = error));
    this.#call.on('end', () => (this.ended = true));
  }

  send(request: Request): void {
    this.#call.write(create(DeltaDiscoveryRequestSchema, { ...request, node: { id: 'raw' } }));
  }

  /** Without saying who it is. */
  sendNameless(request: Request): void {
    this.#call.write(create(DeltaDiscoveryRequestSchema, request));
  }

  /** Acknowledges the newest response. */
  acknowledge(): void {
    const last = this.responses.at(-1);
    this.send({ typeUrl: last?.typeUrl ?? '', responseNonce: last?.nonce ?? '' });
  }

  /** The responses, once there are as many: type and names, `-` before the removed. */
  async received(count: number): Promise<string[]> {
    await vi.waitFor(() => expect(this.responses).toHaveLength(count));
    return this.responses.map(({ typeUrl, resources, removedResources }) => {
      const names = [...resources.map(({ name }) => name), ...removedResources.map((name) => `-${name}`)];
      return `${typeUrl === ADDRESS_TYPE_URL ? 'address' : 'authorization'}: ${names.join(' ')}`;
    });
  }

  stop(): void {
    this.#call.cancel();
    this.#client.close();
  }
}

let authority: TestAuthority;
let clock: ManualClock;
let cache: ResourceCache;
let endpoint: TestGrpcServer;
let server: DeltaServer;
let events: DeltaServerEvent[];
let facts: ClientFacts[];
let authenticate: () => Promise<Visibility>;
const clients: RawClient[] = [];

beforeAll(async () => {
  authority = await TestAuthority.create();
});

beforeEach(async () => {
  clock = new ManualClock();
  cache = new ResourceCache([AUTHORIZATION_TYPE_URL, ADDRESS_TYPE_URL]);
  events = [];
  facts = [];
  authenticate = () => Promise.resolve(SEES_EVERYTHING);
  endpoint = new TestGrpcServer(authority, deltaServerOptions);
  server = new DeltaServer({
    cache,
    clock,
    authenticate: (client) => {
      facts.push(client);
      return authenticate();
    },
    onEvent: (event) => events.push(event),
  });
  server.addTo(endpoint.server);
  await endpoint.listen();
});

afterEach(() => {
  for (const client of clients.splice(0)) client.stop();
  server.destroy();
  endpoint.stop();
});

function connect(metadata = new Metadata()): RawClient {
  const client = new RawClient(endpoint.address, credentials.createSsl(Buffer.from(authority.rootPem)), metadata);
  clients.push(client);
  return client;
}

function put(typeUrl: string, names: string[], removals: string[] = [], changedAt?: number): void {
  const upserts = names.map((name) => ({
    name,
    bytes: Buffer.from(`${name} ${cache.sequence}`),
    aliases: [`alias/${name}`],
  }));
  cache.update([{ typeUrl, upserts, removals }], changedAt);
}

/** Subscribes to both types as a stock ztunnel does, and takes what comes. */
async function synced(): Promise<RawClient> {
  const client = connect();
  client.send({ typeUrl: ADDRESS_TYPE_URL });
  client.send({ typeUrl: AUTHORIZATION_TYPE_URL });
  await client.received(2);
  for (const { typeUrl, nonce } of client.responses.splice(0)) client.send({ typeUrl, responseNonce: nonce });
  return client;
}

describe('DeltaServer', () => {
  it('sends the policies first to a client that asks for the workloads first', async () => {
    put(ADDRESS_TYPE_URL, ['pod']);
    put(AUTHORIZATION_TYPE_URL, ['policy']);
    const client = connect();
    client.send({ typeUrl: ADDRESS_TYPE_URL });
    client.send({ typeUrl: AUTHORIZATION_TYPE_URL });
    expect(await client.received(2)).toEqual(['authorization: policy', 'address: pod']);
  });

  it('does not keep a client waiting that wants workloads only', async () => {
    put(ADDRESS_TYPE_URL, ['pod']);
    const client = connect();
    client.send({ typeUrl: ADDRESS_TYPE_URL });
    await vi.waitFor(() => expect(server.clients()).toEqual(['raw']));
    clock.advance(20);
    expect(await client.received(1)).toEqual(['address: pod']);
  });

  it('holds workloads back while an earlier policy is not acknowledged and a newer one waits', async () => {
    const client = await synced();
    put(AUTHORIZATION_TYPE_URL, ['first']);
    expect(await client.received(1)).toEqual(['authorization: first']);
    cache.update(
      [AUTHORIZATION_TYPE_URL, ADDRESS_TYPE_URL].map((typeUrl) => ({
        typeUrl,
        upserts: [{ name: 'second', bytes: Buffer.from('') }],
        removals: [],
      })),
    );
    clock.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(client.responses).toHaveLength(1);
    client.acknowledge();
    expect((await client.received(3)).slice(1)).toEqual(['authorization: second', 'address: second']);
  });

  it('gathers what follows a first change', async () => {
    const client = await synced();
    put(ADDRESS_TYPE_URL, ['a']);
    expect(await client.received(1)).toEqual(['address: a']);
    client.acknowledge();
    for (const name of ['b', 'c', 'a']) put(ADDRESS_TYPE_URL, [name]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(client.responses).toHaveLength(1);
    clock.advance(100);
    expect((await client.received(2))[1]).toBe('address: b c a');
  });

  it('serves names and aliases to a client that asks on demand', async () => {
    put(ADDRESS_TYPE_URL, ['a', 'b', 'c']);
    const client = connect();
    client.send({ typeUrl: ADDRESS_TYPE_URL, resourceNamesSubscribe: ['*'], resourceNamesUnsubscribe: ['*'] });
    await vi.waitFor(() => expect(server.clients()).toEqual(['raw']));
    clock.advance(20);
    expect(await client.received(1)).toEqual(['address: ']);
    client.acknowledge();
    client.send({ typeUrl: ADDRESS_TYPE_URL, resourceNamesSubscribe: ['alias/b', 'unknown'] });
    expect((await client.received(2))[1]).toBe('address: b -unknown');
    client.acknowledge();
    put(ADDRESS_TYPE_URL, ['a', 'b'], ['c']);
    clock.advance(100);
    expect((await client.received(3))[2]).toBe('address: b');
  });

  it('sends nothing to a client before it is let in', async () => {
    put(ADDRESS_TYPE_URL, ['pod']);
    let admit: () => void = () => undefined;
    authenticate = () => new Promise((resolve) => (admit = () => resolve(SEES_EVERYTHING)));
    const client = connect();
    client.send({ typeUrl: AUTHORIZATION_TYPE_URL });
    client.send({ typeUrl: ADDRESS_TYPE_URL });
    await vi.waitFor(() => expect(facts).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(client.responses).toEqual([]);
    expect(client.headers).toBeUndefined();
    admit();
    expect(await client.received(2)).toEqual(['authorization: ', 'address: pod']);
  });

  it('shows a client what it may see, and nothing of the rest, whatever it asks for', async () => {
    const mine = (name: string): boolean => name.startsWith('mine/');
    authenticate = () => Promise.resolve(new Map([[ADDRESS_TYPE_URL, mine]]));
    put(ADDRESS_TYPE_URL, ['mine/a', 'theirs/a']);
    put(AUTHORIZATION_TYPE_URL, ['theirs/policy']);
    const client = connect();
    client.send({ typeUrl: ADDRESS_TYPE_URL, resourceNamesSubscribe: ['*', 'theirs/a', 'alias/theirs/a'] });
    client.send({ typeUrl: AUTHORIZATION_TYPE_URL });
    expect(await client.received(2)).toEqual([
      'authorization: theirs/policy',
      'address: mine/a -theirs/a -alias/theirs/a',
    ]);
    client.acknowledge();
    put(ADDRESS_TYPE_URL, ['theirs/a', 'theirs/b']);
    clock.advance(100);
    put(ADDRESS_TYPE_URL, ['mine/b'], ['theirs/a', 'mine/a']);
    clock.advance(100);
    expect((await client.received(3))[2]).toBe('address: mine/b -mine/a');
  });

  it('does not tell a refused client why, unless it is meant to', async () => {
    authenticate = () => Promise.reject(new Error('database password is wrong'));
    const client = connect();
    client.send({ typeUrl: ADDRESS_TYPE_URL });
    await vi.waitFor(() => expect(client.error?.code).toBe(status.UNAUTHENTICATED));
    expect(client.error?.details).toBe('authentication failed');
    expect(client.responses).toEqual([]);
  });

  it('tells a client to come again when nobody can say who it is', async () => {
    authenticate = () => Promise.reject(new AmbitError('AMBIT_XDS_REFUSED', 'not now', { retryable: true }));
    const client = connect();
    client.send({ typeUrl: ADDRESS_TYPE_URL });
    await vi.waitFor(() => expect(client.error?.code).toBe(status.UNAVAILABLE));
    expect(client.error?.details).toBe('not now');
  });

  it('shows the certificate of a client that has one', async () => {
    const strict = new TestGrpcServer(authority);
    server.addTo(strict.server);
    await strict.listen({ clientCertificates: true });
    const { certificateChainPem, privateKeyPem, leafPem } = await authority.issue('spiffe://td/ns/a/sa/b');
    const [roots, key, chain] = [authority.rootPem, privateKeyPem, certificateChainPem].map((pem) => Buffer.from(pem));
    const client = new RawClient(strict.address, credentials.createSsl(roots, key, chain));
    clients.push(client);
    client.send({ typeUrl: ADDRESS_TYPE_URL });
    await vi.waitFor(() => expect(facts).toHaveLength(1));
    strict.stop();
    expect(facts[0]?.peerCertificate?.raw).toEqual(new X509Certificate(leafPem).raw);
  });

  it('refuses an unknown type and names those it serves', async () => {
    const client = connect();
    client.send({ typeUrl: 'type.googleapis.com/x' });
    await vi.waitFor(() => expect(client.error?.code).toBe(status.INVALID_ARGUMENT));
    expect(client.error?.details).toMatch(
      /"type.googleapis.com\/x" is not served; served are .*Authorization, .*Address/,
    );
  });

  it('refuses a client that does not say who it is', async () => {
    const client = connect();
    client.sendNameless({ typeUrl: ADDRESS_TYPE_URL });
    await vi.waitFor(() => expect(client.error?.details).toBe('the first request names no node'));
    expect(events).toMatchObject([{ kind: 'refused' }]);
  });

  it('drops a client that cannot be judged in time', async () => {
    const client = connect();
    client.send({ typeUrl: ADDRESS_TYPE_URL });
    await vi.waitFor(() => expect(server.clients()).toHaveLength(1));
    authenticate = () => new Promise(() => undefined);
    const silent = connect();
    silent.send({ typeUrl: ADDRESS_TYPE_URL });
    await vi.waitFor(() => expect(facts).toHaveLength(2));
    clock.advance(10_000);
    await vi.waitFor(() => expect(silent.error?.code).toBe(status.DEADLINE_EXCEEDED));
    expect(client.error).toBeUndefined();
  });

  it('ends the stream of a client that does not acknowledge, and serves the others', async () => {
    const [dead, alive] = [await synced(), await synced()];
    put(ADDRESS_TYPE_URL, ['a']);
    await dead.received(1);
    await alive.received(1);
    alive.acknowledge();
    // The acknowledgement crosses the network in real time.
    await new Promise((resolve) => setTimeout(resolve, 50));
    clock.advance(70_000);
    await vi.waitFor(() => expect(dead.error?.code).toBe(status.DEADLINE_EXCEEDED));
    expect(dead.error?.details).toContain('not acknowledged within 60000 ms');
    put(ADDRESS_TYPE_URL, ['b']);
    clock.advance(100);
    expect((await alive.received(2))[1]).toBe('address: b');
  });

  it('ignores an acknowledgement of something else', async () => {
    const client = await synced();
    put(ADDRESS_TYPE_URL, ['a']);
    await client.received(1);
    client.send({ typeUrl: ADDRESS_TYPE_URL, responseNonce: 'another' });
    put(ADDRESS_TYPE_URL, ['b']);
    clock.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(client.responses).toHaveLength(1);
    client.acknowledge();
    expect((await client.received(2))[1]).toBe('address: b');
  });

  it('says how long the oldest change took until it was acknowledged, and nothing of what a client came for', async () => {
    put(ADDRESS_TYPE_URL, ['old'], [], clock.now());
    clock.advance(1_000);
    const client = await synced();
    put(ADDRESS_TYPE_URL, ['a'], [], clock.now() - 20);
    await client.received(1);
    put(ADDRESS_TYPE_URL, ['b'], [], clock.now() - 5);
    put(ADDRESS_TYPE_URL, ['c'], [], clock.now());
    clock.advance(100);
    client.acknowledge();
    await client.received(2);
    client.acknowledge();
    await vi.waitFor(() =>
      expect(events.filter(({ kind }) => kind === 'converged')).toEqual([
        { kind: 'converged', typeUrl: ADDRESS_TYPE_URL, milliseconds: 120 },
        { kind: 'converged', typeUrl: ADDRESS_TYPE_URL, milliseconds: 105 },
      ]),
    );
  });

  it('sends heartbeats to those who ask for them', async () => {
    const metadata = new Metadata();
    metadata.set('x-ambit-heartbeat', 'yes');
    const asks = connect(metadata);
    const stock = connect();
    for (const client of [asks, stock]) {
      client.send({ typeUrl: AUTHORIZATION_TYPE_URL });
      await client.received(1);
      client.acknowledge();
    }
    expect(asks.headers?.get('x-ambit-heartbeat')).toEqual(['10000']);
    expect(stock.headers?.get('x-ambit-heartbeat')).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (let count = 2; count <= 4; count++) {
      clock.advance(10_000);
      expect((await asks.received(count)).at(-1)).toBe('authorization: ');
      asks.acknowledge();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(stock.responses).toHaveLength(1);
  });

  it('forgets a client that is cut off', async () => {
    const client = await synced();
    client.stop();
    await vi.waitFor(() => expect(server.clients()).toEqual([]));
    expect(events.map(({ kind }) => kind)).toEqual(['connected', 'disconnected']);
    put(ADDRESS_TYPE_URL, ['a']);
  });

  it('turns away who comes while it stops', async () => {
    await server.close({ deadline: 0 });
    const client = connect();
    client.send({ typeUrl: ADDRESS_TYPE_URL });
    await vi.waitFor(() => expect(client.error?.code).toBe(status.UNAVAILABLE));
  });
});
