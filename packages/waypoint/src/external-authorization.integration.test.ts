import { createServer } from 'node:http';
import type { ValuePattern } from '@ambit/traffic/model/authorization-policy';
import type { Tracing } from '@ambit/traffic/model/telemetry';
import { afterEach, describe, expect, it } from 'vitest';
import { application, Client, Raw, respond, type Seen } from './test-application.ts';
import {
  ASK,
  checks,
  closeAuthorizers,
  grpcAuthorizer,
  grpcPod,
  httpAuthorizer,
  httpPod,
  judged,
  settled,
} from './test-authorizers.ts';
import { clusterName } from './test-models.ts';
import { outside } from './test-outside.ts';
import { is, policy } from './test-policies.ts';

afterEach(closeAuthorizers);

const field = ({ fields }: Seen, name: string): string | undefined => {
  const at = fields.indexOf(name);
  return at < 0 ? undefined : fields[at + 1];
};
const exact = (...texts: readonly string[]): ValuePattern[] => texts.map((text) => ({ kind: 'exact', text }));

describe('an authorizer over HTTP', () => {
  it('that says 200 lets the request through, having seen the request line and what it may see', async () => {
    const { behaviour, asked } = await httpPod((_, response) => response.end());
    const authorizer = httpAuthorizer(
      {},
      {
        pathPrefix: '/check',
        requestHeaders: [...exact('x-team'), { kind: 'prefix', text: 'x-shop-' }],
        addedHeaders: [{ name: 'x-mesh', value: 'ambit' }],
      },
    );
    const bed = judged(behaviour, authorizer);
    const answer = new Client(bed.bed, 'HTTP/1.1').send(
      {
        ':method': 'POST',
        ':path': '/a?b=c',
        authorization: 'Bearer t',
        'x-team': 'red',
        'x-shop-id': '7',
        'x-mesh': 'forged',
        'x-other': 'secret',
        'x-forwarded-client-cert': 'URI=spiffe://evil',
      },
      'content',
    );
    expect((await settled(bed, answer)).body).toBe('hello');
    expect(asked).toMatchObject([{ method: 'POST', path: '/check/a?b=c', body: '' }]);
    expect(asked[0]?.headers).toMatchObject({
      host: 'cart',
      authorization: 'Bearer t',
      'x-team': 'red',
      'x-shop-id': '7',
      'x-mesh': 'ambit',
      'content-length': '0',
    });
    expect(asked[0]?.headers).not.toHaveProperty('x-other');
    expect(asked[0]?.headers).not.toHaveProperty('x-forwarded-client-cert');
    expect(bed.seen.map(({ body }) => body)).toEqual(['content']);
    expect(checks(bed)).toEqual({ 'opa allowed': 1 });
  });

  it('that says anything else is what the client gets: status, fields, text', async () => {
    const { behaviour } = await httpPod((_, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic', 'content-type': 'text/html', 'x-ambit-reason': 'lie' });
      response.end('<b>who?</b>');
    });
    const bed = judged(behaviour, httpAuthorizer());
    const answer = await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({}));
    expect([answer.status, answer.body]).toEqual([401, '<b>who?</b>']);
    expect([answer.field('www-authenticate'), answer.field('content-type')]).toEqual(['Basic', 'text/html']);
    expect(answer.field('x-ambit-reason')).toBeUndefined();
    expect(bed.seen).toEqual([]);
    expect(bed.bed.lines().at(-1)).toContain(' 401 UAEX ext_authz_denied ');
    expect(bed.bed.lines().at(-1)).toContain('policy="shop/custom" reason="AMBIT_AUTHORIZER_DENIED"');
    expect(checks(bed)).toEqual({ 'opa denied': 1 });
  });
});

describe('an authorizer over gRPC', () => {
  it('is told of the request and of who sends it, and lets it through', async () => {
    const { behaviour, asked } = await grpcPod((_, done) => {
      done(null, { status: { code: 0 } });
    });
    const bed = judged(behaviour, grpcAuthorizer());
    const answer = new Client(bed.bed, 'HTTP/1.1').send({ ':path': '/a?b=c', 'x-team': 'red' });
    expect((await settled(bed, answer)).body).toBe('hello');
    const { source, destination, request } = asked[0]?.attributes ?? {};
    expect(source?.principal).toBe('spiffe://cluster.local/ns/shop/sa/web');
    expect(destination?.address?.address.value).toMatchObject({ address: '10.96.0.1', portSpecifier: { value: 80 } });
    expect(request?.http).toMatchObject({ method: 'GET', path: '/a?b=c', host: 'cart', protocol: 'HTTP/1.1' });
    expect(request?.http?.headers).toMatchObject({ 'x-team': 'red', ':path': '/a?b=c' });
    expect(checks(bed)).toEqual({ 'opa allowed': 1 });
  });

  it('that denies says what the client gets', async () => {
    const { behaviour } = await grpcPod((_, done) => {
      done(null, {
        status: { code: 7 },
        httpResponse: {
          case: 'deniedResponse',
          value: {
            status: { code: 451 },
            headers: [{ header: { key: 'x-why', value: 'law' } }, { header: { key: 'content-length', value: '1' } }],
            body: 'no',
          },
        },
      });
    });
    const bed = judged(behaviour, grpcAuthorizer());
    const answer = await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({}));
    expect([answer.status, answer.body, answer.field('x-why')]).toEqual([451, 'no', 'law']);
    expect(bed.seen).toEqual([]);
  });
});

describe('an authorizer that lets a request through', () => {
  it('over HTTP changes what it may of request and answer, and DENY is asked about what came of it', async () => {
    const { behaviour } = await httpPod((_, response) => {
      response.writeHead(200, {
        'x-user': 'alice',
        'x-hidden': 'no',
        'x-forwarded-client-cert': 'URI=spiffe://evil',
        'x-forwarded-for': '10.0.0.1',
        'x-envoy-auth-headers-to-remove': 'x-team, :path',
        'x-session': 'new',
        'content-length': '0',
      });
      response.end();
    });
    const authorizer = httpAuthorizer(
      {},
      {
        upstreamHeadersOnAllow: [
          { kind: 'prefix', text: 'x-user' },
          { kind: 'prefix', text: 'x-forwarded' },
        ],
        clientHeadersOnAllow: exact('x-session', 'content-length'),
      },
    );
    const noBob = policy('deny', { ...is('header', 'bob'), name: ['x-user'] });
    const bed = judged(behaviour, authorizer, { policies: [ASK, noBob] });
    const client = new Client(bed.bed, 'HTTP/1.1');
    const answer = await settled(bed, client.send({ 'x-user': 'bob', 'x-team': 'red' }));
    expect([answer.status, answer.body, answer.field('x-session')]).toEqual([200, 'hello', 'new']);
    const [seen] = bed.seen;
    if (seen === undefined) throw new Error('nothing came');
    expect([field(seen, 'x-user'), field(seen, 'x-hidden'), field(seen, 'x-team')]).toEqual([
      'alice',
      undefined,
      undefined,
    ]);
    expect([field(seen, 'x-forwarded-client-cert'), field(seen, 'x-forwarded-for')]).toEqual([undefined, undefined]);
    expect(field(seen, ':path')).toBe('/');
  });

  it('over gRPC sets, appends and takes away', async () => {
    const { behaviour } = await grpcPod((_, done) => {
      done(null, {
        status: { code: 0 },
        httpResponse: {
          case: 'okResponse',
          value: {
            headers: [
              { header: { key: 'X-User', value: 'alice' } },
              { header: { key: 'x-list', value: 'b' }, append: true },
              { header: { key: 'x-nowhere', value: 'b' }, append: true },
              { header: { key: ':path', value: '/admin' } },
              { header: { key: 'host', value: 'evil' } },
              { header: { key: 'transfer-encoding', value: 'chunked' } },
            ],
            headersToRemove: ['x-team', ':method'],
            responseHeadersToAdd: [{ header: { key: 'x-session', value: 'new' } }],
          },
        },
      });
    });
    const bed = judged(behaviour, grpcAuthorizer());
    const answer = await settled(
      bed,
      new Client(bed.bed, 'HTTP/1.1').send({ 'x-user': 'bob', 'x-list': 'a', 'x-team': 'red' }),
    );
    expect([answer.status, answer.field('x-session')]).toEqual([200, 'new']);
    const [seen] = bed.seen;
    if (seen === undefined) throw new Error('nothing came');
    expect(['x-user', 'x-nowhere', 'x-team', ':path', ':authority'].map((name) => field(seen, name))).toEqual([
      'alice',
      undefined,
      undefined,
      '/',
      'cart',
    ]);
    expect(seen.fields.filter((_, at) => at % 2 === 1 && seen.fields[at - 1] === 'x-list')).toEqual(['a', 'b']);
  });

  it.each([
    [true, 204],
    [false, 200],
  ])('decides about the route when clearRouteCache is %s', async (clearRouteCache, status) => {
    const { behaviour } = await httpPod((_, response) => {
      response.writeHead(200, { 'x-user': 'alice' });
      response.end();
    });
    const destinations = [{ cluster: clusterName('app') }];
    const bed = judged(behaviour, httpAuthorizer({ clearRouteCache }, { upstreamHeadersOnAllow: exact('x-user') }), {
      routes: [
        {
          matches: [{ headers: [{ name: 'x-user', value: { kind: 'exact', text: 'alice', ignoreCase: false } }] }],
          action: { kind: 'direct-response', status: 204, body: '', contentType: '' },
        },
        { action: { kind: 'forward', destinations } },
      ],
    });
    expect((await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({}))).status).toBe(status);
  });

  it('is asked once, however often the request is tried', async () => {
    const { behaviour, asked } = await httpPod((_, response) => response.end());
    let tries = 0;
    const bed = judged(behaviour, httpAuthorizer(), {
      action: {
        destinations: [{ cluster: clusterName('app') }],
        retry: {
          ...{ retries: 3, conditions: ['5xx'], statusCodes: [], perTryTimeoutMs: 0, backoffBaseMs: 1 },
          ...{ remoteLocalities: false, ignorePreviousEndpoints: true },
        },
      },
    });
    bed.bed.endpoint('cart-1').behaviour = application('HTTP/1.1', {
      onComplete: (one) => {
        tries += 1;
        respond(one, tries < 3 ? 503 : 200, one.body);
      },
    });
    const answer = await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({ ':method': 'POST' }, 'content'));
    expect([answer.status, answer.body, tries, asked.length]).toEqual([200, 'content', 3, 1]);
  });

  it('is not asked about what its rules do not match', async () => {
    const { behaviour, asked } = await httpPod((_, response) => {
      response.writeHead(403);
      response.end();
    });
    const bed = judged(behaviour, httpAuthorizer(), {
      policies: [{ ...policy('custom', is('path', '/admin')), authorizer: 'opa' }],
    });
    const client = new Client(bed.bed, 'HTTP/1.1');
    expect((await settled(bed, client.send({ ':path': '/' }))).status).toBe(200);
    expect((await settled(bed, client.send({ ':path': '/public/../admin' }))).status).toBe(403);
    expect(asked.map(({ path }) => path)).toEqual(['/admin']);
  });
});

it('what an authorizer says to the client need not be text', async () => {
  const octets = Buffer.from([0x1f, 0x8b, 0x80, 0xff]);
  const { behaviour } = await httpPod((_, response) => {
    response.writeHead(403, { 'content-encoding': 'gzip' });
    response.end(octets);
  });
  const bed = judged(behaviour, httpAuthorizer());
  const answer = await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({}));
  expect(Buffer.from(answer.body, 'latin1')).toEqual(octets);
});

it('an authorizer is asked in the trace of the request', async () => {
  const { behaviour, asked } = await httpPod((_, response) => response.end());
  const tracing: Tracing = {
    collector: { name: 'c', protocol: 'otlp', host: 'collector', port: 4318, path: '/v1/traces' },
    ...{ sampledPerMillion: 1_000_000, tags: [], meshTags: false, serviceName: 'cart.shop' },
  };
  const bed = judged(behaviour, httpAuthorizer(), { telemetry: { tracing } });
  const trace = '0af7651916cd43dd8448eb211c80319c';
  await settled(bed, new Client(bed.bed, 'HTTP/1.1').send({ traceparent: `00-${trace}-b7ad6b7169203331-01` }));
  expect(asked[0]?.headers['traceparent']).toContain(trace);
});

it('a denial of a gRPC call is one of gRPC', async () => {
  const { behaviour } = await grpcPod((_, done) => {
    const value = { status: { code: 401 }, body: 'who?' };
    done(null, { status: { code: 16 }, httpResponse: { case: 'deniedResponse', value } });
  });
  const bed = judged(behaviour, grpcAuthorizer(), { protocol: 'http2' });
  const call = { ':method': 'POST', ':path': '/shop.Cart/Get', 'content-type': 'application/grpc' };
  const answer = await settled(bed, new Client(bed.bed, 'HTTP/2').send(call));
  expect([answer.status, answer.field('grpc-status'), answer.field('grpc-message')]).toEqual([200, '16', 'who?']);
});

it('an authorizer outside of the mesh is asked as well', async () => {
  const { behaviour } = await httpPod((_, response) => response.end());
  const bed = judged(behaviour, httpAuthorizer());
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end();
  });
  await outside(bed.bed, 'authz-1', server);
  try {
    const client = new Client(bed.bed, 'HTTP/1.1');
    for (const path of ['/a', '/b']) expect((await settled(bed, client.send({ ':path': path }))).status).toBe(200);
    expect(asked).toEqual(['/a', '/b']);
    expect(bed.bed.endpoint('authz-1').tunnels).toBe(0);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

it('a connection whose bytes are not looked at is refused', () => {
  const { bed } = judged(() => undefined, httpAuthorizer(), {
    protocol: 'tcp',
    destinations: [{ cluster: clusterName('app') }],
  });
  expect(bed.tryOpen(new Raw())).toMatchObject({ status: 401 });
  expect(bed.endpoint('cart-1').tunnels).toBe(0);
});
