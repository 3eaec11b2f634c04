import { ManualClock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubeClient } from './client.ts';
import { Informer, type InformerOptions, type InformerState } from './informer.ts';
import { type KubeObject, PODS } from './resource.ts';
import { type Reply, sendStatus, TestApiServer } from './test-api-server.ts';
import { TestClusterState } from './test-cluster-state.ts';
import { settle } from './test-settle.ts';

let server: TestApiServer;
let cluster: TestClusterState;
let clock: ManualClock;
let client: KubeClient;
let informer: Informer<KubeObject>;
let options: InformerOptions<KubeObject>;
let changes: string[];
let states: InformerState[];
let warnings: number;

beforeEach(async () => {
  server = await TestApiServer.start();
  cluster = new TestClusterState();
  server.reply = cluster.reply;
  clock = new ManualClock();
  changes = [];
  states = [];
  warnings = 0;
  const silent = (): void => undefined;
  const log: Logger = { debug: silent, info: silent, warn: () => (warnings += 1), error: silent, fatal: silent };
  client = new KubeClient(server.apiServer, { clock, userAgent: 'ambit-test', random: () => 0.5 });
  options = {
    client,
    resource: PODS,
    clock,
    log,
    random: () => 0.5,
    onChange: ({ kind, object }) => changes.push(`${kind} ${object.metadata.name}`),
    onState: (state) => states.push(state),
  };
  informer = new Informer(options);
  cluster.put('a');
});

afterEach(async () => {
  informer.destroy();
  client.destroy();
  await server.kill();
});

async function live(): Promise<void> {
  informer.start();
  await informer.synced;
  await expect.poll(() => cluster.watches.size).toBe(1);
}

const unknownKind: Reply = (_, response) => response.writeHead(404).end('404 page not found\n');

async function pass(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    clock.advance(1_000);
    await settle();
  }
}

function watchesAsked(): number {
  return server.received.filter(({ query }) => query.get('watch') === 'true').length;
}

describe('a watch that says nothing', () => {
  it('is opened anew after 90 s, from where it was, and nothing counts as stale', async () => {
    await live();
    await pass(60);
    cluster.version = 700;
    cluster.bookmark();
    await settle();
    await pass(89);
    expect(watchesAsked()).toBe(1);
    await pass(2);
    expect(watchesAsked()).toBe(2);
    expect(server.received.at(-1)?.query.get('resourceVersion')).toBe('700');
    expect(states).toEqual(['live']);
    expect(warnings).toBe(0);
    expect(changes).toEqual(['added a']);
  });

  it('counts as stale when the API server does not answer any more either', async () => {
    await live();
    server.reply = () => undefined;
    await pass(91);
    await pass(31);
    expect(informer.state).toBe('stale');
    expect(informer.size).toBe(1);
    server.reply = cluster.reply;
    cluster.put('b');
    await pass(60);
    expect(informer.state).toBe('live');
    expect(changes).toEqual(['added a', 'added b']);
  });
});

it('who may follow one object by name alone goes on after a silence and after an outage', async () => {
  const fieldSelector = 'metadata.name=a';
  informer = new Informer({ ...options, namespace: 'shop', fieldSelector });
  server.reply = (request, response, body) => {
    const query = new URL(request.url ?? '', 'http://s').searchParams;
    if (query.get('fieldSelector') === fieldSelector) cluster.reply(request, response, body);
    else sendStatus(response, 403, 'Forbidden', 'User "x" cannot list resource "pods"');
  };
  await live();
  await pass(91);
  expect(watchesAsked()).toBe(2);
  for (const watch of cluster.watches) watch.socket?.resetAndDestroy();
  await expect.poll(() => cluster.watches.size).toBe(0);
  await pass(10);
  expect(watchesAsked()).toBe(3);
  cluster.put('a', { changed: 'yes' });
  await settle();
  expect(changes).toEqual(['added a', 'modified a']);
});

it('a history that is gone is met with a list at once, and is nothing to worry about', async () => {
  await live();
  await pass(10);
  const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
  for (const watch of cluster.watches) cluster.send(watch, 'ERROR', status);
  await expect.poll(watchesAsked).toBe(2);
  expect(server.received.length).toBe(4);
  expect(warnings).toBe(0);
  expect(states).toEqual(['live']);
});

it('an API server that has not yet come as far is asked for a list', async () => {
  await live();
  await pass(10);
  server.reply = (request, response, body) => {
    if (watchesAsked() > 2) return cluster.reply(request, response, body);
    const query = new URL(request.url ?? '', 'http://s').searchParams;
    if (query.get('watch') !== 'true') return cluster.reply(request, response, body);
    const causes = [{ reason: 'ResourceVersionTooLarge', message: 'it is' }];
    sendStatus(response, 504, 'Timeout', 'try again', { details: { causes, retryAfterSeconds: 1 } });
  };
  cluster.endWatches();
  await expect.poll(watchesAsked).toBe(3);
  expect(server.received.at(-2)?.query.get('limit')).toBe('500');
  expect(states).toEqual(['live']);
});

it('what was lost unseen is repaired within about an hour', async () => {
  await live();
  // A change that no watch is told of.
  const told = [...cluster.watches];
  cluster.watches.clear();
  cluster.put('lost');
  cluster.forget();
  for (const watch of told) cluster.watches.add(watch);
  for (let minutes = 0; minutes < 75; minutes += 5) {
    // Bookmarks keep the watch from falling silent; the API server ends it from time to time.
    for (let minute = 0; minute < 5; minute += 1) {
      cluster.bookmark();
      await settle();
      clock.advance(60_000);
    }
    cluster.endWatches();
    await settle();
  }
  expect(changes).toEqual(['added a', 'added lost']);
  expect(server.received.filter(({ query }) => query.get('watch') === null).length).toBe(2);
});

describe('a kind that the API server does not know', () => {
  it('counts as empty, and is found when it is installed', async () => {
    server.reply = unknownKind;
    informer.start();
    await informer.synced;
    expect(informer.state).toBe('absent');
    expect(changes).toEqual([]);
    await pass(30);
    expect(server.received.length).toBe(4);
    server.reply = cluster.reply;
    await pass(11);
    expect(informer.state).toBe('live');
    expect(changes).toEqual(['added a']);
    expect(warnings).toBe(0);
  });

  it('keeps its objects while the API server may be starting', async () => {
    await live();
    await server.kill();
    server.reply = unknownKind;
    await server.listen();
    await settle();
    await pass(25);
    expect(informer.state).toBe('stale');
    expect(informer.size).toBe(1);
    server.reply = cluster.reply;
    cluster.put('b');
    await pass(11);
    expect(informer.state).toBe('live');
    expect(changes).toEqual(['added a', 'added b']);
  });

  it('is absent at once when there was nothing to lose', async () => {
    cluster.remove('a');
    await live();
    server.reply = unknownKind;
    cluster.endWatches();
    await settle();
    await pass(2);
    expect(informer.state).toBe('absent');
    expect(warnings).toBe(0);
  });

  it('loses its objects once it is certain that it was removed', async () => {
    await live();
    server.reply = unknownKind;
    cluster.endWatches();
    await settle();
    await pass(25);
    expect(informer.state).toBe('stale');
    expect(changes).toEqual(['added a']);
    await pass(20);
    expect(informer.state).toBe('absent');
    expect(informer.size).toBe(0);
    expect(changes).toEqual(['added a', 'deleted a']);
  });
});

it('an outage is met with pauses that grow to half a minute', async () => {
  await live();
  await server.kill();
  server.received.length = 0;
  server.reply = (request) => request.socket.resetAndDestroy();
  await server.listen();
  await settle();
  await pass(300);
  expect(informer.state).toBe('stale');
  expect(server.received.length).toBeGreaterThan(10);
  expect(server.received.length).toBeLessThan(20);
  expect(warnings).toBe(1);
});
