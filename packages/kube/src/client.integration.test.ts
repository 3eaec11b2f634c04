import { systemClock } from '@ambit/core/clock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApiServer } from './api-server.ts';
import { KubeClient, KubeError } from './client.ts';
import { HTTP_ROUTES, type KubeObject, NODES, PODS } from './resource.ts';
import { sendJson, sendStatus, TestApiServer } from './test-api-server.ts';

let server: TestApiServer;
let client: KubeClient;

function connect(more: Partial<ApiServer> = {}, requestTimeout = 5_000): KubeClient {
  client = new KubeClient(
    { ...server.apiServer, ...more },
    { clock: systemClock, userAgent: 'ambit-test', requestTimeout },
  );
  return client;
}

async function failure(promise: Promise<unknown>): Promise<KubeError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof KubeError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

function pod(name: string, more: object = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop', ...more } };
}

beforeEach(async () => {
  server = await TestApiServer.start();
  connect();
});

afterEach(async () => {
  client.destroy();
  await server.kill();
});

describe('what is sent', () => {
  it('reads one object, without managedFields', async () => {
    server.reply = (_, response) => sendJson(response, pod('a', { managedFields: [{ manager: 'x' }], uid: 'u' }));
    expect(await client.get(PODS, 'a', 'shop')).toEqual(pod('a', { uid: 'u' }));
    expect(server.received[0]).toMatchObject({ method: 'GET', path: '/api/v1/namespaces/shop/pods/a' });
    expect(server.received[0]?.headers['user-agent']).toBe('ambit-test');
  });

  it('writes the status by server-side apply', async () => {
    server.reply = (_, response, body) => sendJson(response, JSON.parse(body));
    const route = { ...pod('r'), kind: 'HTTPRoute', apiVersion: 'gateway.networking.k8s.io/v1' };
    await client.apply(HTTP_ROUTES, route, { fieldManager: 'istiod', force: true, subresource: 'status' });
    const [request] = server.received;
    expect(request).toMatchObject({
      method: 'PATCH',
      path: '/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/r/status',
    });
    expect(Object.fromEntries(request?.query ?? [])).toEqual({ fieldManager: 'istiod', force: 'true' });
    expect(request?.headers['content-type']).toBe('application/apply-patch+yaml');
  });

  it('deletes an object of one uid only, and says when there was none', async () => {
    server.reply = (_, response) => sendJson(response, { kind: 'Status', status: 'Success' });
    expect(await client.delete(PODS, 'a', 'shop', { uid: 'u', propagation: 'Foreground' })).toBe(true);
    expect(JSON.parse(server.received[0]?.body ?? '')).toEqual({
      preconditions: { uid: 'u' },
      propagationPolicy: 'Foreground',
    });
    server.reply = (_, response) => sendStatus(response, 404, 'NotFound', 'pods "a" not found');
    expect(await client.delete(PODS, 'a', 'shop')).toBe(false);
  });

  it.each([
    ['an empty name', ''],
    ['a name that climbs', '..'],
  ])('never turns %s into another path', async (_, name) => {
    expect(await failure(client.delete(PODS, name, 'shop'))).toMatchObject({ code: 'AMBIT_KUBE_INVALID' });
    expect(await failure(client.get(NODES, name))).toMatchObject({ code: 'AMBIT_KUBE_INVALID' });
    expect(server.received).toEqual([]);
  });

  it('creates no object of a namespace without one', async () => {
    const error = await failure(client.create(PODS, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } }));
    expect(error).toMatchObject({ code: 'AMBIT_KUBE_INVALID' });
    expect(server.received).toEqual([]);
  });

  it('keeps a name that holds a slash or a question mark in one segment', async () => {
    server.reply = (_, response) => sendJson(response, pod('a'));
    await client.get(PODS, 'a/../../x?y=z', 'shop');
    expect(server.received[0]?.path).toBe('/api/v1/namespaces/shop/pods/a%2F..%2F..%2Fx%3Fy%3Dz');
  });

  it('uses one connection for requests that follow each other', async () => {
    server.reply = (_, response) => sendJson(response, pod('a'));
    for (let n = 0; n < 5; n += 1) await client.get(PODS, 'a', 'shop');
    expect(server.accepted).toBe(1);
  });
});

describe('lists', () => {
  it('come in pages of one snapshot', async () => {
    server.reply = (request, response) => {
      const query = new URL(request.url ?? '', 'http://s').searchParams;
      const page = Number(query.get('continue') ?? '0');
      const metadata = { resourceVersion: '7', ...(page < 2 ? { continue: String(page + 1) } : {}) };
      sendJson(response, { metadata, items: [{ metadata: { name: `p${page}`, namespace: 'shop' } }] });
    };
    const { items, resourceVersion } = await client.list(PODS, { namespace: 'shop', labelSelector: 'app=a,b!=c' });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['p0', 'p1', 'p2']);
    expect(items[0]).toMatchObject({ apiVersion: 'v1', kind: 'Pod' });
    expect(resourceVersion).toBe('7');
    expect(server.received.map(({ query }) => query.get('limit'))).toEqual(['500', '500', '500']);
    expect(server.received.every(({ query }) => query.get('labelSelector') === 'app=a,b!=c')).toBe(true);
  });

  it('start again when their snapshot expires between two pages', async () => {
    let expired = false;
    server.reply = (request, response) => {
      const query = new URL(request.url ?? '', 'http://s').searchParams;
      if (query.get('continue') !== null && !expired) {
        expired = true;
        sendStatus(response, 410, 'Expired', 'The provided continue parameter is too old', {
          metadata: { continue: 'x' },
        });
        return;
      }
      const first = query.get('continue') === null;
      const metadata = { resourceVersion: expired ? '9' : '7', ...(first ? { continue: 'next' } : {}) };
      sendJson(response, { metadata, items: [{ metadata: { name: first ? 'a' : 'b' } }] });
    };
    const { items, resourceVersion } = await client.list(PODS);
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    expect(resourceVersion).toBe('9');
  });

  it('ask for fewer objects at once when a page is larger than an answer may be', async () => {
    const huge = 'x'.repeat(200_000);
    server.reply = (request, response) => {
      const query = new URL(request.url ?? '', 'http://s').searchParams;
      const [from, limit] = [Number(query.get('continue') ?? '0'), Number(query.get('limit'))];
      const to = Math.min(from + limit, 300);
      const items = Array.from({ length: to - from }, (_, n) => ({
        metadata: { name: `c${from + n}` },
        data: { huge },
      }));
      sendJson(response, { metadata: { resourceVersion: '1', ...(to < 300 ? { continue: String(to) } : {}) }, items });
    };
    const { items } = await client.list(NODES);
    expect(items.length).toBe(300);
    expect(new Set(items.map(({ metadata }) => metadata.name)).size).toBe(300);
  });

  it('that never end are given up', async () => {
    server.reply = (_, response) =>
      sendJson(response, { metadata: { resourceVersion: '1', continue: 'again' }, items: [] });
    expect(await failure(client.list(NODES))).toMatchObject({ code: 'AMBIT_KUBE_REQUEST', reason: 'ResponseTooLarge' });
  });
});

describe('refusals', () => {
  it.each([
    [404, 'NotFound', 'AMBIT_KUBE_NOT_FOUND'],
    [409, 'AlreadyExists', 'AMBIT_KUBE_CONFLICT'],
    [409, 'Conflict', 'AMBIT_KUBE_CONFLICT'],
    [403, 'Forbidden', 'AMBIT_KUBE_FORBIDDEN'],
    [422, 'Invalid', 'AMBIT_KUBE_INVALID'],
    [410, 'Gone', 'AMBIT_KUBE_GONE'],
    [500, 'InternalError', 'AMBIT_KUBE_REQUEST'],
    [503, 'ServiceUnavailable', 'AMBIT_KUBE_UNREACHABLE'],
  ])('%i %s is %s, with what was asked and what was said', async (status, reason, code) => {
    const causes = [{ reason: 'FieldValueInvalid', message: 'no', field: 'spec.x' }];
    server.reply = (_, response) => sendStatus(response, status, reason, 'because', { details: { name: 'a', causes } });
    const error = await failure(client.get(PODS, 'a', 'shop'));
    expect(error).toMatchObject({ code, status, reason, details: { name: 'a', causes } });
    expect(error.message).toContain(`get pods shop/a: ${status} ${reason}: because`);
    expect(server.received.length).toBe(1);
  });

  it('without a Status object are told as well', async () => {
    server.reply = (_, response) => response.writeHead(502).end('<html>Bad Gateway</html>');
    const error = await failure(client.get(PODS, 'a', 'shop'));
    expect(error).toMatchObject({ code: 'AMBIT_KUBE_UNREACHABLE', status: 502 });
    expect(error.message).toContain('<html>Bad Gateway</html>');
  });

  it.each([
    ['no JSON', 'not json'],
    ['no object', '[]'],
    ['no metadata', '{}'],
    ['a name that is none', '{"metadata":{"name":7}}'],
  ])('an answer with %s is one', async (_, body) => {
    server.reply = (_request, response) => response.writeHead(200).end(body);
    expect(await failure(client.get(PODS, 'a', 'shop'))).toMatchObject({
      code: 'AMBIT_KUBE_REQUEST',
      reason: 'MalformedResponse',
    });
  });

  it('an endless answer is cut', async () => {
    server.reply = (_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(1_000_000, 32))) continue;
      };
      response.on('drain', more);
      more();
    };
    expect(await failure(client.get(PODS, 'a', 'shop'))).toMatchObject({ reason: 'ResponseTooLarge' });
  });
});

describe('trouble on the way', () => {
  it('a lost connection is tried again when that changes nothing', async () => {
    server.reply = (request, response) =>
      server.received.length < 3 ? request.socket.resetAndDestroy() : sendJson(response, pod('a'));
    expect((await client.get(PODS, 'a', 'shop')).metadata.name).toBe('a');
    expect(server.received.length).toBe(3);
  });

  it('a review is asked for again, when its author says that it may be', async () => {
    const path = '/apis/authentication.k8s.io/v1/tokenreviews';
    server.reply = (request, response, body) =>
      server.received.length < 3 ? request.socket.resetAndDestroy() : sendJson(response, JSON.parse(body));
    const review = { kind: 'TokenReview', spec: { token: 'x' } };
    expect(await failure(client.post(path, review))).toMatchObject({ code: 'AMBIT_KUBE_UNREACHABLE' });
    expect(await client.post(path, review, { repeatable: true })).toEqual(review);
    expect(server.received.map((one) => one.path)).toEqual([path, path, path]);
  });

  it('an object is not created twice', async () => {
    server.reply = (request) => request.socket.resetAndDestroy();
    expect(await failure(client.create(PODS, pod('a')))).toMatchObject({ code: 'AMBIT_KUBE_UNREACHABLE', status: 0 });
    expect(server.received.length).toBe(1);
  });

  it('creation waits for an API server that is just starting', async () => {
    await server.kill();
    const created = client.create(PODS, pod('a'));
    server.reply = (_, response) => sendJson(response, pod('a'), 201);
    setTimeout(() => void server.listen(), 300);
    expect((await created).metadata.name).toBe('a');
  });

  it('an answer that breaks off is tried again', async () => {
    server.reply = (request, response) => {
      if (server.received.length > 1) return sendJson(response, pod('a'));
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"metadata":', () => request.socket.resetAndDestroy());
    };
    expect((await client.get(PODS, 'a', 'shop')).metadata.name).toBe('a');
  });

  it('a 429 is tried again after the time that it names', async () => {
    const begun = performance.now();
    server.reply = (_, response) => {
      if (server.received.length > 1) return sendJson(response, pod('a'), 201);
      response.setHeader('retry-after', '1');
      sendStatus(response, 429, 'TooManyRequests', 'busy');
    };
    await client.create(PODS, pod('a'));
    expect(performance.now() - begun).toBeGreaterThan(900);
  });

  it('a 500 without a time is not', async () => {
    server.reply = (_, response) => sendStatus(response, 500, 'InternalError', 'webhook failed');
    expect(await failure(client.replace(PODS, pod('a')))).toMatchObject({ code: 'AMBIT_KUBE_REQUEST' });
    expect(server.received.length).toBe(1);
  });

  it('silence ends at the time limit', async () => {
    connect({}, 200);
    server.reply = () => undefined;
    expect(await failure(client.get(PODS, 'a', 'shop', { attempts: 1 }))).toMatchObject({
      code: 'AMBIT_KUBE_UNREACHABLE',
      reason: 'Timeout',
    });
  });

  it('an answer that trickles ends at the time limit too', async () => {
    connect({}, 300);
    server.reply = (_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write(' '), 50);
      response.on('close', () => clearInterval(timer));
    };
    expect(await failure(client.get(PODS, 'a', 'shop', { attempts: 1 }))).toMatchObject({ reason: 'Timeout' });
  });
});

describe('proof of who asks', () => {
  let tls: TestApiServer;

  beforeEach(async () => {
    tls = await TestApiServer.start({ tls: true });
  });

  afterEach(() => tls.kill());

  function connectTls(more: Partial<ApiServer>): KubeClient {
    client = new KubeClient({ ...tls.apiServer, ...more }, { clock: systemClock, userAgent: 'ambit-test' });
    return client;
  }

  it('a token that was renewed meanwhile is taken when the old one is refused', async () => {
    let token = 'old';
    connectTls({ token: () => token });
    tls.reply = (request, response) => {
      if (request.headers.authorization === 'Bearer new') return sendJson(response, pod('a'));
      token = 'new';
      sendStatus(response, 401, 'Unauthorized', 'Unauthorized');
    };
    expect((await client.get(PODS, 'a', 'shop')).metadata.name).toBe('a');
    expect(tls.received.map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer new']);
  });

  it('a token that stays refused is an error', async () => {
    const begun = performance.now();
    connectTls({ token: () => 'bad' });
    tls.reply = (_, response) => sendStatus(response, 401, 'Unauthorized', 'Unauthorized');
    expect(await failure(client.get(PODS, 'a', 'shop'))).toMatchObject({
      code: 'AMBIT_KUBE_UNAUTHORIZED',
      status: 401,
    });
    expect(tls.received.length).toBe(2);
    // Time for a new token to be written.
    expect(performance.now() - begun).toBeGreaterThan(900);
  });

  it('a server of foreign roots gets no token', async () => {
    const other = await TestApiServer.start({ tls: true });
    connectTls({ ca: other.apiServer.ca ?? '', token: () => 'secret' });
    const error = await failure(client.get(PODS, 'a', 'shop', { attempts: 1 }));
    expect(error).toMatchObject({ code: 'AMBIT_KUBE_UNREACHABLE' });
    expect(error.message).toContain('not issued by the roots');
    expect(tls.received).toEqual([]);
    await other.kill();
  });

  it('roots that change are used for the next connection', async () => {
    const other = await TestApiServer.start({ tls: true });
    let ca = other.apiServer.ca ?? '';
    client = new KubeClient(
      {
        url: tls.apiServer.url,
        get ca(): string {
          return ca;
        },
      },
      { clock: systemClock, userAgent: 'ambit-test' },
    );
    tls.reply = (_, response) => sendJson(response, pod('a'));
    await failure(client.get(PODS, 'a', 'shop', { attempts: 1 }));
    ca = tls.apiServer.ca ?? '';
    expect((await client.get(PODS, 'a', 'shop')).metadata.name).toBe('a');
    await other.kill();
  });

  it('roots that are none are an error of the request, not of the process', async () => {
    connectTls({ ca: '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n' });
    expect(await failure(client.get(PODS, 'a', 'shop'))).toMatchObject({ code: 'AMBIT_KUBE_UNREACHABLE', status: 0 });
  });

  it('a server is known by the name that the configuration gives it', async () => {
    connectTls({ serverName: 'kubernetes.default.svc' });
    const error = await failure(client.get(PODS, 'a', 'shop', { attempts: 1 }));
    expect(error.message).toContain('tls-server-name');
    expect(tls.received).toEqual([]);
  });

  it('a token is never sent in clear', () => {
    expect(() => connect({ token: () => 'secret' })).toThrow(/https only/);
  });
});

describe('the end', () => {
  it('close waits for what is under way and takes nothing new', async () => {
    server.reply = (_, response) => setTimeout(() => sendJson(response, pod('a')), 200);
    const under = client.get(PODS, 'a', 'shop');
    const closing = client.close({ deadline: 5_000 });
    expect(await failure(client.get(PODS, 'b', 'shop'))).toMatchObject({ reason: 'Closed' });
    expect((await under).metadata.name).toBe('a');
    await closing;
    await expect.poll(() => server.connections).toBe(0);
  });

  it('close cuts what takes longer than the deadline', async () => {
    server.reply = () => undefined;
    const under = failure(client.get(PODS, 'a', 'shop'));
    await client.close({ deadline: 100 });
    expect(await under).toMatchObject({ code: 'AMBIT_KUBE_UNREACHABLE' });
  });
});
