import { systemClock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubeClient } from './client.ts';
import { type Change, Informer } from './informer.ts';
import { type KubeObject, PODS } from './resource.ts';
import { sendStatus, TestApiServer } from './test-api-server.ts';
import { TestClusterState } from './test-cluster-state.ts';

let server: TestApiServer;
let cluster: TestClusterState;
let client: KubeClient;
let informer: Informer<KubeObject>;
/** What the consumer was told, applied to a map that starts empty: it must come out as the cluster. */
let told: Map<string, KubeObject>;
let changes: string[];
let wrong: string[];
let logged: string[];

function note(level: string): Logger['info'] {
  return (fields: object | string, message?: string): void => {
    logged.push(`${level} ${message ?? ''} ${JSON.stringify(fields)}`);
  };
}

const log: Logger = {
  debug: () => undefined,
  info: note('info'),
  warn: note('warn'),
  error: note('error'),
  fatal: () => undefined,
};

/** Checks every change against what was told before, as a consumer relies on it. */
function follow({ kind, object, previous }: Change<KubeObject>): void {
  const { name, resourceVersion = '' } = object.metadata;
  const before = told.get(name);
  changes.push(`${kind} ${name}`);
  if (before !== previous) wrong.push(`${kind} ${name}: previous is not what was told last`);
  if ((kind === 'added') !== (before === undefined))
    wrong.push(`${kind} ${name}: known before: ${before !== undefined}`);
  if (before !== undefined && Number(resourceVersion) < Number(before.metadata.resourceVersion)) {
    wrong.push(`${kind} ${name}: older than before`);
  }
  if (kind === 'deleted') told.delete(name);
  else told.set(name, object);
  if (informer.get(name, 'shop') !== (kind === 'deleted' ? undefined : object))
    wrong.push(`${kind} ${name}: get differs`);
}

function versions(): Record<string, string> {
  return Object.fromEntries([...told].map(([name, { metadata }]) => [name, metadata.resourceVersion ?? ''] as const));
}

async function converged(timeout = 10_000): Promise<void> {
  await expect.poll(versions, { timeout }).toEqual(cluster.pods);
}

function make(): Informer<KubeObject> {
  return new Informer<KubeObject>({ client, resource: PODS, clock: systemClock, log, onChange: follow });
}

beforeEach(async () => {
  told = new Map();
  changes = [];
  wrong = [];
  logged = [];
  server = await TestApiServer.start();
  cluster = new TestClusterState();
  server.reply = cluster.reply;
  client = new KubeClient(server.apiServer, { clock: systemClock, userAgent: 'ambit-test', requestTimeout: 2_000 });
  informer = make();
  cluster.put('a');
  cluster.put('b');
});

afterEach(async () => {
  expect(wrong).toEqual([]);
  informer.destroy();
  client.destroy();
  await server.kill();
});

async function live(): Promise<void> {
  informer.start();
  await informer.synced;
  await expect.poll(() => cluster.watches.size).toBe(1);
  await expect.poll(() => informer.state).toBe('live');
}

/** Answers watches with bytes of the test's own making, lists as usual. */
function watchWith(handle: (response: Parameters<typeof server.reply>[1], from: string) => void): void {
  server.reply = (request, response, body) => {
    const query = new URL(request.url ?? '', 'http://s').searchParams;
    if (query.get('watch') === 'true') handle(response, query.get('resourceVersion') ?? '');
    else cluster.reply(request, response, body);
  };
}

describe('following', () => {
  it('lists, then watches from there', async () => {
    await live();
    expect(changes).toEqual(['added a', 'added b']);
    expect(JSON.stringify([...informer.values()])).not.toContain('managedFields');
    const query = server.received[1]?.query;
    expect(query?.get('resourceVersion')).toBe('102');
    expect(query?.get('allowWatchBookmarks')).toBe('true');
    expect(Number(query?.get('timeoutSeconds'))).toBeGreaterThanOrEqual(300);
    cluster.put('c');
    cluster.put('a', { x: '1' });
    cluster.remove('b');
    await converged();
    expect(changes).toEqual(['added a', 'added b', 'added c', 'modified a', 'deleted b']);
  });

  it('keeps only what it is told to keep', async () => {
    informer = new Informer<KubeObject>({
      ...{ client, resource: PODS, clock: systemClock, log, onChange: follow },
      keep: ({ apiVersion, kind, metadata: { name, namespace, uid, resourceVersion } }) => ({
        apiVersion,
        kind,
        metadata: {
          ...{ name, namespace: namespace ?? '' },
          ...(uid === undefined ? {} : { uid }),
          ...(resourceVersion === undefined ? {} : { resourceVersion }),
        },
      }),
    });
    cluster.put('a', { large: '1' });
    await live();
    cluster.put('b', { large: '1' });
    await converged();
    expect(changes).toEqual(['added a', 'added b', 'modified b']);
    expect(JSON.stringify([...informer.values()])).not.toContain('large');
  });

  it('reads events however their bytes are split', async () => {
    const event = (object: KubeObject): string => `${JSON.stringify({ type: 'MODIFIED', object })}\n`;
    watchWith((response) => {
      const [first, second] = [cluster.put('a', { greeting: 'grüß' }), cluster.put('a', { greeting: 'grüß dich' })];
      const bytes = Buffer.from(event(first) + event(second));
      response.writeHead(200).flushHeaders();
      const write = (at: number): void => {
        if (at < bytes.length) response.write(bytes.subarray(at, at + 1), () => setImmediate(() => write(at + 1)));
      };
      write(0);
    });
    informer.start();
    await informer.synced;
    await expect.poll(() => informer.get('a', 'shop')?.metadata.labels?.greeting).toBe('grüß dich');
  });

  it('goes on from a bookmark when the watch ends in order, without listing again', async () => {
    await live();
    cluster.version = 500;
    cluster.bookmark();
    await new Promise((resolve) => setTimeout(resolve, 50));
    cluster.endWatches();
    await expect.poll(() => cluster.watches.size).toBe(1);
    expect(server.received.map(({ query }) => query.get('resourceVersion'))).toEqual([null, '102', '500']);
    expect(informer.state).toBe('live');
    expect(logged).toEqual([]);
  });
});

describe('nothing is missed', () => {
  it('when the connection is reset and objects change meanwhile', async () => {
    await live();
    await server.kill();
    cluster.remove('a');
    cluster.put('c');
    cluster.put('b', { x: '1' });
    await expect.poll(() => informer.state).toBe('stale');
    expect(informer.size).toBe(2);
    await server.listen();
    await converged();
    await expect.poll(() => informer.state).toBe('live');
    expect(changes.slice(2).sort()).toEqual(['added c', 'deleted a', 'modified b']);
    expect(logged.filter((line) => line.startsWith('warn')).length).toBe(1);
    expect(logged.at(-1)).toContain('is followed again');
  });

  it.each(['on opening', 'as an event'])('when the history is gone (410 %s)', async (where) => {
    await live();
    await server.kill();
    cluster.remove('a');
    cluster.put('c');
    cluster.remove('b');
    cluster.put('b', { made: 'anew' });
    cluster.compact();
    if (where === 'as an event') {
      watchWith((response, from) => {
        if (Number(from) >= cluster.compacted) {
          response.writeHead(200).flushHeaders();
          return;
        }
        response.writeHead(200);
        const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
        response.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
      });
    }
    await server.listen();
    await converged();
    expect(changes.slice(2)).toEqual(['deleted a', 'added c', 'deleted b', 'added b']);
  });

  it.each([
    ['no JSON', '{"type":"ADDED","object":{"metadata"\n'],
    ['of no known type', '{"type":"WHATEVER","object":{"metadata":{"name":"c","resourceVersion":"103"}}}\n'],
    ['no object', '{"type":"ADDED","object":null}\n'],
    ['longer than any object can be', `{"type":"ADDED","object":"${'x'.repeat(17 * 1024 * 1024)}`],
  ])('when an event is %s, each time that it is sent', async (_, event) => {
    await live();
    const watches = [...cluster.watches];
    cluster.watches.clear();
    cluster.put('c');
    watchWith((response, from) => {
      response.writeHead(200).flushHeaders();
      if (from === '102') response.write(event);
    });
    for (const watch of watches) watch.write(event);
    await converged();
    expect(changes).toEqual(['added a', 'added b', 'added c']);
  });

  it('when the connection breaks off within an event', async () => {
    await live();
    const [watch] = cluster.watches;
    cluster.watches.clear();
    const line = JSON.stringify({ type: 'ADDED', object: cluster.put('c') });
    watch?.write(line.slice(0, 40), () => watch.socket?.resetAndDestroy());
    await converged();
    expect(changes.filter((change) => change === 'added c').length).toBe(1);
  });

  it('when events come out of order or twice', async () => {
    await live();
    const older = cluster.put('a', { n: '1' });
    const newer = cluster.put('a', { n: '2' });
    for (const watch of cluster.watches) {
      cluster.send(watch, 'MODIFIED', newer);
      cluster.send(watch, 'MODIFIED', older);
    }
    cluster.put('z');
    await converged();
    expect(changes.filter((change) => change === 'modified a').length).toBe(2);
  });

  it.each(['accepted', 'refused'])(
    'when the store was restored from a backup, and a watch from its future is %s',
    async (answer) => {
      await live();
      await server.kill();
      const restored = new TestClusterState();
      restored.version = 10;
      restored.put('a', { restored: 'yes' });
      server.reply = (request, response, body) => {
        const query = new URL(request.url ?? '', 'http://s').searchParams;
        if (query.get('watch') === 'true' && Number(query.get('resourceVersion')) > restored.version) {
          const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];
          if (answer === 'accepted') response.writeHead(200).flushHeaders();
          else sendStatus(response, 504, 'Timeout', 'Too large resource version', { details: { causes } });
        } else restored.reply(request, response, body);
      };
      await server.listen();
      await expect
        .poll(() => informer.get('a', 'shop')?.metadata.labels, { timeout: 5_000 })
        .toEqual({ restored: 'yes' });
      expect(informer.size).toBe(1);
      restored.put('z');
      await expect.poll(() => informer.size).toBe(2);
      expect(logged.join('\n')).toContain('gone back in time');
      wrong = wrong.filter((line) => !line.includes('older than before'));
    },
  );
});

describe('refusals', () => {
  it('says once which verb and resource is forbidden, and goes on when it no longer is', async () => {
    let forbidden = true;
    server.reply = (request, response, body) =>
      forbidden
        ? sendStatus(response, 403, 'Forbidden', 'User "x" cannot list resource "pods"')
        : cluster.reply(request, response, body);
    informer.start();
    await expect.poll(() => server.received.length, { timeout: 5_000 }).toBeGreaterThan(2);
    expect(informer.state).toBe('starting');
    const warnings = logged.filter((line) => line.startsWith('warn'));
    expect(warnings.length).toBe(1);
    expect(warnings[0]).toContain('AMBIT_KUBE_FORBIDDEN');
    expect(warnings[0]).toContain('list pods in all namespaces');
    forbidden = false;
    await converged();
  });

  it('a 404 of something in between is no proof that the kind is absent', async () => {
    server.reply = (_, response) => response.writeHead(404).end('<html>not here</html>');
    informer.start();
    await expect.poll(() => server.received.length, { timeout: 5_000 }).toBeGreaterThan(1);
    expect(informer.state).toBe('starting');
  });

  it('a watch that is refused while lists are not leaves the objects stale', async () => {
    watchWith((response) => sendStatus(response, 403, 'Forbidden', 'cannot watch'));
    informer.start();
    await informer.synced;
    await expect.poll(() => informer.state).toBe('stale');
    expect(informer.size).toBe(2);
    expect(logged.join('\n')).toContain('watch pods in all namespaces');
  });

  it('a server that ends every watch at once is not asked in a tight loop', async () => {
    watchWith((response) => response.writeHead(200).end());
    informer.start();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(server.received.length).toBeLessThan(6);
  });

  it('a server whose history is always gone is not asked in a tight loop', async () => {
    watchWith((response) => sendStatus(response, 410, 'Expired', 'too old'));
    informer.start();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(server.received.length).toBeLessThan(10);
  });
});

it('a consumer that throws misses nothing of the others', async () => {
  informer = new Informer<KubeObject>({
    client,
    resource: PODS,
    clock: systemClock,
    log,
    onChange: (change) => {
      follow(change);
      if (change.object.metadata.name === 'a') throw new Error('cannot digest');
    },
  });
  await live();
  cluster.put('a', { x: '1' });
  cluster.put('c');
  await converged();
  expect(changes).toEqual(['added a', 'added b', 'modified a', 'added c']);
  expect(server.received.length).toBe(2);
  expect(logged.join('\n')).toContain('cannot digest');
});

it('is told nothing after destroy, and leaves no connection', async () => {
  await live();
  informer.destroy();
  cluster.put('c');
  await expect.poll(() => cluster.watches.size).toBe(0);
  expect(changes).toEqual(['added a', 'added b']);
  client.destroy();
  await expect.poll(() => server.connections).toBe(0);
});
