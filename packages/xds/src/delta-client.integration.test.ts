import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ManualClock } from '@ambit/core/clock';
import { TestAuthority } from '@ambit/identity/test-authority';
import {
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from '@ambit/proto/discovery';
import { Metadata, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { DeltaClient, type DeltaClientEvent, type DeltaClientOptions } from './delta-client.ts';
import { discoveryService } from './discovery-service.ts';
import type { ResourceUpdate } from './resource.ts';
import { TestGrpcServer } from './test-grpc-server.ts';

const TYPE = 'type.googleapis.com/t';

/** A control plane that does nothing by itself. */
class ScriptedStream {
  readonly requests: DeltaDiscoveryRequest[] = [];
  readonly call: ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
  gone = false;

  constructor(call: ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>) {
    this.call = call;
    call.on('error', () => undefined);
    call.on('cancelled', () => (this.gone = true));
    call.on('end', () => call.end());
    call.on('data', (request: DeltaDiscoveryRequest) => this.requests.push(request));
  }

  send(nonce: string, response: MessageInitShape<typeof DeltaDiscoveryResponseSchema> = {}): void {
    this.call.write(create(DeltaDiscoveryResponseSchema, { typeUrl: TYPE, nonce, ...response }));
  }

  fail(code: status): void {
    this.call.emit('error', { code, details: 'as told' });
  }

  /** Waits for the answer to a nonce. */
  async answer(nonce: string): Promise<DeltaDiscoveryRequest> {
    return vi.waitFor(() => {
      const answer = this.requests.find(({ responseNonce }) => responseNonce === nonce);
      if (answer === undefined) throw new Error(`no answer to ${nonce}`);
      return answer;
    });
  }
}

let authority: TestAuthority;
let endpoint: TestGrpcServer;
let streams: ScriptedStream[];
let clock: ManualClock;
let events: DeltaClientEvent[];
let updates: ResourceUpdate[];
let client: DeltaClient | undefined;

beforeAll(async () => {
  authority = await TestAuthority.create();
});

beforeEach(async () => {
  streams = [];
  events = [];
  updates = [];
  clock = new ManualClock();
  endpoint = new TestGrpcServer(authority);
  endpoint.server.addService(discoveryService, {
    DeltaAggregatedResources: (call: ScriptedStream['call']) => {
      streams.push(new ScriptedStream(call));
    },
  });
  await endpoint.listen();
});

afterEach(() => {
  client?.destroy();
  endpoint.stop();
});

function start(options: Partial<DeltaClientOptions> = {}): DeltaClient {
  client = new DeltaClient({
    controlPlane: { address: endpoint.address, roots: { pem: authority.rootPem } },
    node: { id: 'n', metadata: {} },
    typeUrls: [TYPE],
    clock,
    random: () => 0.5,
    apply: (update) => {
      updates.push(update);
      return Promise.resolve([]);
    },
    onEvent: (event) => events.push(event),
    ...options,
  });
  client.start();
  return client;
}

/** The nth stream that the server sees, once its first request is there. */
function stream(index: number): Promise<ScriptedStream> {
  return vi.waitFor(
    () => {
      const found = streams[index];
      if (found === undefined || found.requests.length === 0) throw new Error(`no stream ${index}`);
      return found;
    },
    { timeout: 5_000 },
  );
}

function disconnections(): Extract<DeltaClientEvent, { kind: 'disconnected' }>[] {
  return events.filter((event) => event.kind === 'disconnected');
}

describe('DeltaClient', () => {
  it('subscribes to everything with an empty list, naming its node once', async () => {
    start({ typeUrls: [TYPE, `${TYPE}2`] });
    const { requests } = await stream(0);
    await vi.waitFor(() => expect(requests).toHaveLength(2));
    expect(requests.map(({ typeUrl, node }) => [typeUrl, node?.id])).toEqual([
      [TYPE, 'n'],
      [`${TYPE}2`, undefined],
    ]);
    for (const request of requests) {
      expect(request.resourceNamesSubscribe).toEqual([]);
      expect(request.responseNonce).toBe('');
    }
  });

  it('is synced by an empty first response', async () => {
    const started = start();
    const first = await stream(0);
    expect(started.synced).toBe(false);
    first.send('1');
    expect((await first.answer('1')).errorDetail).toBeUndefined();
    expect(started.synced).toBe(true);
    expect(updates).toEqual([{ typeUrl: TYPE, resources: [], removed: [], first: true }]);
  });

  it('refuses what is no resource of the type, and applies the rest', async () => {
    start();
    const first = await stream(0);
    const resource = { typeUrl: TYPE, value: Uint8Array.of(1) };
    first.send('1', {
      resources: [
        { name: 'good', version: '1', resource },
        { name: 'empty', version: '1' },
        { name: 'other', version: '1', resource: { ...resource, typeUrl: 'type.googleapis.com/other' } },
        { name: '', version: '1', resource },
      ],
    });
    const { errorDetail } = await first.answer('1');
    expect(errorDetail?.code).toBe(status.INVALID_ARGUMENT);
    expect(errorDetail?.message).toBe(
      'empty: it has no content; other: it is a type.googleapis.com/other; : it has no name',
    );
    expect(updates[0]?.resources.map(({ name }) => name)).toEqual(['good']);
    expect(client?.held(TYPE)).toEqual(new Map([['good', '1']]));
  });

  it('refuses a type that it did not ask for, without applying anything', async () => {
    start();
    const first = await stream(0);
    first.send('1', { typeUrl: 'type.googleapis.com/other', resources: [{ name: 'a', version: '1' }] });
    expect((await first.answer('1')).errorDetail?.message).toContain('not a type that was asked for');
    expect(updates).toEqual([]);
  });

  it('reconnects at once after an orderly end, and slower and slower to a server that brings nothing', async () => {
    start();
    const first = await stream(0);
    first.send('1');
    await first.answer('1');
    first.call.end();
    await stream(1);
    const delays: number[] = [];
    for (let index = 1; index <= 4; index++) {
      (await stream(index)).fail(status.UNKNOWN);
      await vi.waitFor(() => expect(disconnections()).toHaveLength(index + 1));
      delays.push(disconnections()[index]?.retryInMs ?? Number.NaN);
      clock.advance(delays.at(-1) ?? 0);
    }
    expect(disconnections()[0]).toMatchObject({ error: undefined, retryInMs: 0 });
    expect(disconnections()[1]?.error?.message).toContain('UNKNOWN: as told');
    expect(delays).toEqual([10, 20, 40, 80]);
    const fifth = await stream(5);
    fifth.send('1');
    await fifth.answer('1');
    fifth.fail(status.UNAVAILABLE);
    await vi.waitFor(() => expect(disconnections()).toHaveLength(6));
    expect(disconnections()[5]?.retryInMs).toBe(10);
  });

  it('ends a stream in order also when something comes behind its own farewell', async () => {
    start({ resyncMs: 1_000 });
    const first = await stream(0);
    first.send('1');
    await first.answer('1');
    first.call.prependListener('end', () => first.send('2'));
    clock.advance(1_000);
    await stream(1);
    expect(disconnections()).toMatchObject([{ error: undefined, retryInMs: 0 }]);
    expect(updates).toHaveLength(1);
  });

  it('gives up on a server that accepts the stream and never says anything', async () => {
    start();
    const first = await stream(0);
    await vi.waitFor(() => expect(client?.connected).toBe(true));
    clock.advance(60_000);
    await vi.waitFor(() => expect(disconnections()[0]?.error?.code).toBe('AMBIT_XDS_STALLED'));
    await vi.waitFor(() => expect(first.gone).toBe(true));
    clock.advance(10);
    await stream(1);
  });

  it('notices a stream that stalls silently when the server promised heartbeats', async () => {
    start();
    const first = await stream(0);
    expect(first.call.metadata.get('x-ambit-heartbeat')).toEqual(['yes']);
    const headers = new Metadata();
    headers.set('x-ambit-heartbeat', '10000');
    first.call.sendMetadata(headers);
    for (let beat = 1; beat <= 5; beat++) {
      first.send(String(beat));
      await first.answer(String(beat));
      clock.advance(29_000);
    }
    expect(disconnections()).toEqual([]);
    expect(updates).toHaveLength(1);
    clock.advance(1_000);
    await vi.waitFor(() => expect(disconnections()[0]?.error?.message).toContain('no heartbeat'));
  });

  it('does not expect heartbeats of a server that did not promise any', async () => {
    start();
    const first = await stream(0);
    first.send('1');
    await first.answer('1');
    clock.advance(50 * 60_000);
    first.send('2');
    await first.answer('2');
    expect(disconnections()).toEqual([]);
  });

  it('gives up connecting to an address that does not answer', async () => {
    // Of the block for documentation, RFC 5737: nothing answers, or the system says so at once.
    start({ controlPlane: { address: 'https://192.0.2.1:15012', roots: { pem: authority.rootPem } } });
    await vi.waitFor(() => {
      clock.advance(5_000);
      expect(disconnections()[0]?.error?.code).toMatch(/^AMBIT_XDS_(STALLED|UNAVAILABLE)$/);
    });
  });

  it.each([
    ['other roots', async () => ({ pem: (await TestAuthority.create({ name: 'stranger' })).rootPem })],
    ['the roots of the system', () => Promise.resolve({ system: true as const })],
  ])('refuses a server whose certificate does not chain to %s', async (_, roots) => {
    start({ controlPlane: { address: endpoint.address, roots: await roots() } });
    await vi.waitFor(() => expect(disconnections()[0]?.error?.code).toBe('AMBIT_XDS_UNAVAILABLE'));
    expect(disconnections()[0]?.error?.message).toContain('are the roots that this proxy is given those of');
    expect(streams).toEqual([]);
  });

  it.each([
    ['nobody listens', 'https://127.0.0.1:1', 'does it run, and may this pod reach it (NetworkPolicy)?'],
    ['the name is unknown', 'https://istiod.invalid:15012', 'is the address right, and does DNS answer this pod?'],
  ])('says what to look at when %s', async (_, address, hint) => {
    start({ controlPlane: { address, roots: { pem: authority.rootPem } } });
    await vi.waitFor(() => expect(disconnections()[0]?.error?.message).toContain(hint), 5_000);
  });

  it.each([
    ['a missing token', { tokenFile: '/does/not/exist' }, 'AMBIT_TOKEN'],
    ['missing roots', { roots: { file: '/does/not/exist' } }, 'AMBIT_TRUST_BUNDLE'],
    ['an address without TLS', { address: 'http://localhost:15012' }, 'AMBIT_CONFIG'],
  ])('names %s', async (_, wrong, code) => {
    start({ controlPlane: { address: endpoint.address, roots: { pem: authority.rootPem }, ...wrong } });
    await vi.waitFor(() => expect(disconnections()[0]?.error?.code).toBe(code));
    expect(streams).toEqual([]);
  });

  it('stops trying when it is closed between two attempts', async () => {
    const started = start();
    (await stream(0)).fail(status.UNAVAILABLE);
    await vi.waitFor(() => expect(disconnections()).toHaveLength(1));
    await started.close({ deadline: 1_000 });
    clock.advance(60_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(streams).toHaveLength(1);
  });
});
