import type { HeaderChanges, PathRewrite, Rewrite } from '@ambit/traffic/model/route-filters';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Answer, answering, application, Client, raw, respond, type Seen } from './test-application.ts';
import type { TestRoute } from './test-routes.ts';
import { start } from './test-start.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { clusterName, serviceModel } from './test-models.ts';
import type { TestServiceOptions, TestWaypoint } from './test-waypoint.ts';

function settled(bed: TestWaypoint, answer: Answer): Answer {
  bed.loop.until(() => answer.settled);
  expect(answer.reset).toBeUndefined();
  return answer;
}

const CASES = [
  { down: 'HTTP/1.1', up: 'HTTP/1.1', protocol: 'http1' },
  { down: 'HTTP/2', up: 'HTTP/2', protocol: 'http1' },
  { down: 'HTTP/1.1', up: 'HTTP/2', protocol: 'http2' },
] as const;

const FORWARD = { kind: 'forward', destinations: [{ cluster: clusterName() }] } as const;

/** What it makes is no path. */
const BREAKING: PathRewrite = { kind: 'prefix', prefix: '/', replacement: '/%', bySegment: false };

const field = (name: string, value: string) => ({ name, value });
const changes = (fields: Partial<HeaderChanges>): HeaderChanges => ({ remove: [], set: [], add: [], ...fields });

/** Every value of a field, in order. */
function valuesOf(fields: readonly string[] | undefined, name: string): string[] {
  return (fields ?? []).filter((_, index, all) => index % 2 === 1 && all[index - 1] === name);
}

/** Notes what it sees, and answers with content and trailers. */
function recording(version: 'HTTP/1.1' | 'HTTP/2', seen: Seen[], fields: readonly string[] = []): EndpointBehaviour {
  return application(version, {
    onComplete: (one) => {
      seen.push(one);
      one.exchange.respond([':status', '200', 'trailer', 'x-sum', ...fields], false);
      const bytes = Buffer.from('answer');
      one.exchange.sendData(bytes, 0, bytes.length, false);
      one.exchange.sendTrailers(['x-sum', '42']);
    },
  });
}

describe.each(CASES)('header changes between $down clients and $up endpoints', ({ down, up, protocol }) => {
  it('are made to requests: first those of the route, then those of the destination', () => {
    const seen: Seen[] = [];
    const bed = start({
      protocol,
      endpoints: { 'cart-1': recording(up, seen) },
      routes: [
        {
          requestHeaders: changes({
            remove: ['x-secret', 'x-forwarded-proto'],
            set: [field('x-a', 'route'), field('x-request-id', 'of-the-route')],
            add: [field('x-list', 'route')],
          }),
          action: {
            kind: 'forward',
            destinations: [
              {
                cluster: clusterName(),
                requestHeaders: changes({ set: [field('x-a', 'destination')], add: [field('x-list', 'destination')] }),
              },
            ],
          },
        },
      ],
    });
    const sent = { ':method': 'POST', 'x-secret': 's', 'x-a': 'client', 'x-list': 'client', 'x-kept': 'k' };
    const answer = settled(bed, new Client(bed, down).send(sent, 'the body'));
    expect([answer.status, answer.body, answer.trailers]).toEqual([200, 'answer', ['x-sum', '42']]);
    const fields = seen[0]?.fields;
    expect(seen.map(({ body }) => body)).toEqual(['the body']);
    expect(valuesOf(fields, 'x-secret')).toEqual([]);
    expect(valuesOf(fields, 'x-forwarded-proto')).toEqual([]);
    expect(valuesOf(fields, 'x-a')).toEqual(['destination']);
    expect(valuesOf(fields, 'x-list').join()).toBe('client,route,destination');
    expect(valuesOf(fields, 'x-request-id')).toEqual(['of-the-route']);
    expect(valuesOf(fields, 'x-kept')).toEqual(['k']);
  });

  it('are made to answers: first those of the destination, then those of the route', () => {
    const bed = start({
      protocol,
      endpoints: { 'cart-1': recording(up, [], ['server', 'secret', 'x-a', 'backend', 'set-cookie', 'a=b']) },
      routes: [
        {
          responseHeaders: changes({
            remove: ['server', 'x-envoy-upstream-service-time'],
            set: [field('x-a', 'route')],
            add: [field('x-list', 'route'), field('set-cookie', 'c=d')],
          }),
          action: {
            kind: 'forward',
            destinations: [
              {
                cluster: clusterName(),
                responseHeaders: changes({ set: [field('x-a', 'destination'), field('x-list', 'destination')] }),
              },
            ],
          },
        },
      ],
    });
    const answer = settled(bed, new Client(bed, down).send({}));
    expect([answer.status, answer.body, answer.trailers]).toEqual([200, 'answer', ['x-sum', '42']]);
    expect(answer.field('server')).toBeUndefined();
    expect(answer.field('x-envoy-upstream-service-time')).toBeUndefined();
    expect(valuesOf(answer.head, 'x-a')).toEqual(['route']);
    expect(valuesOf(answer.head, 'x-list')).toEqual(['destination', 'route']);
    expect(valuesOf(answer.head, 'set-cookie')).toEqual(['a=b', 'c=d']);
  });
});

describe('header changes of a route', () => {
  const responseHeaders = changes({ set: [field('x-route', 'yes'), field('content-type', 'text/html')] });
  const refusing: EndpointBehaviour = (tunnel) => {
    tunnel.refuse(503, []);
  };

  it.each<[string, number, TestRoute]>([
    ['answers itself', 418, { action: { kind: 'direct-response', status: 418, body: 'teapot' } }],
    ['redirects', 302, { action: { kind: 'redirect', hostname: 'o.example' } }],
    ['has no backend', 500, { action: { kind: 'forward', destinations: [{ cluster: '' }] } }],
    ['leads nowhere', 500, { action: { kind: 'forward', destinations: [] } }],
    ['has no endpoint that takes it', 503, { action: FORWARD }],
    ['cannot rewrite its path', 400, { action: { ...FORWARD, rewrite: { authority: '', path: BREAKING } } }],
    [
      'is aborted on purpose',
      555,
      { action: FORWARD, fault: { delay: null, abort: { kind: 'http', status: 555, perMillion: 1_000_000 } } },
    ],
  ])('that %s are made to its answer %i', (_case, status, route) => {
    const bed = start({ endpoints: { 'cart-1': refusing }, routes: [{ ...route, responseHeaders }] });
    for (const version of ['HTTP/1.1', 'HTTP/2'] as const) {
      const client = new Client(bed, version);
      for (let count = 0; count < 2; count++) {
        const answer = settled(bed, client.send({}));
        expect([answer.status, answer.field('x-route')]).toEqual([status, 'yes']);
        expect(valuesOf(answer.head, 'content-type')).toEqual(['text/html']);
        expect(answer.field('content-length')).toBe(String(answer.bytes));
      }
    }
  });

  it('are not made when none matches', () => {
    const other = { kind: 'exact', text: '/other', ignoreCase: false } as const;
    const bed = start({
      endpoints: {},
      routes: [{ matches: [{ path: other }], responseHeaders, action: { kind: 'redirect' } }],
    });
    const answer = settled(bed, new Client(bed, 'HTTP/1.1').send({}));
    expect([answer.status, answer.field('x-route')]).toEqual([404, undefined]);
  });

  it('leave a call of gRPC whole: trailers, trailers-only answers and own ones', () => {
    const bed = start({
      protocol: 'http2',
      endpoints: {
        'cart-1': application('HTTP/2', {
          onComplete: ({ exchange, fields, body }) => {
            const head = [':status', '200', 'content-type', 'application/grpc'];
            if (fields.includes('/cart.Cart/Fail')) {
              exchange.respond([...head, 'grpc-status', '5', 'grpc-message', 'none'], true);
              return;
            }
            exchange.respond(head, false);
            const bytes = Buffer.from(body, 'latin1');
            exchange.sendData(bytes, 0, bytes.length, false);
            exchange.sendTrailers(['grpc-status', '0']);
          },
        }),
      },
      routes: [
        {
          responseHeaders: changes({ add: [field('x-route', 'yes')] }),
          matches: [{ path: { kind: 'prefix', text: '/cart.Cart/', ignoreCase: false } }],
          action: FORWARD,
        },
        { responseHeaders: changes({ add: [field('x-route', 'own')] }), action: { kind: 'redirect', hostname: 'o' } },
      ],
    });
    const client = new Client(bed, 'HTTP/2');
    const call = (path: string): Answer =>
      settled(
        bed,
        client.send(
          { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
          'message',
        ),
      );
    const whole = call('/cart.Cart/Get');
    expect([whole.body, whole.trailers, whole.field('x-route')]).toEqual(['message', ['grpc-status', '0'], 'yes']);
    const failed = call('/cart.Cart/Fail');
    expect([failed.field('grpc-status'), failed.trailers, failed.field('x-route')]).toEqual(['5', undefined, 'yes']);
    const own = call('/other');
    expect([own.status, own.field('grpc-status'), own.field('x-route')]).toEqual([200, '2', 'own']);
  });
});

describe.each(CASES)('rewrites between $down clients and $up endpoints', ({ down, up, protocol }) => {
  const path = (rewrite: PathRewrite): Rewrite => ({ authority: '', path: rewrite });
  const prefix = (from: string, to: string): Rewrite =>
    path({ kind: 'prefix', prefix: from, replacement: to, bySegment: true });

  it.each<[string, Rewrite | null, Rewrite | null, string, string, string]>([
    ['nothing', null, null, '/old/a?q=1', 'cart', '/old/a?q=1'],
    ['the path', path({ kind: 'full', path: '/new' }), null, '/old/a?q=1', 'cart', '/new?q=1'],
    ['a prefix', prefix('/old', '/new'), null, '/old/a/?q=1', 'cart', '/new/a/?q=1'],
    ['a prefix away', prefix('/old', '/'), null, '/old?', 'cart', '/?'],
    [
      'by an expression',
      path({ kind: 'regex', regex: '/(o)ld', substitution: '/\\1' }),
      null,
      '/old/b',
      'cart',
      '/o/b',
    ],
    ['what was normalised', prefix('/old', '/new'), null, '/x/../%6Fld/./a', 'cart', '/new/a'],
    ['the authority', { authority: 'other:8080', path: null }, null, '/old', 'other:8080', '/old'],
    ['by what the destination says', prefix('/old', '/a'), prefix('/old', '/b'), '/old/c', 'cart', '/b/c'],
    [
      'part by part',
      { authority: 'route', path: { kind: 'full', path: '/route' } },
      { authority: 'destination', path: null },
      '/old?q',
      'destination',
      '/route?q',
    ],
  ])('%s', (_case, ofRoute, ofDestination, sent, authority, received) => {
    const seen: Seen[] = [];
    const bed = start({
      protocol,
      endpoints: { 'cart-1': recording(up, seen) },
      action: { destinations: [{ cluster: clusterName(), rewrite: ofDestination }], rewrite: ofRoute },
    });
    const head = { ':path': sent, 'x-envoy-original-path': '/forged', x_envoy_original_host: 'forged' };
    expect(settled(bed, new Client(bed, down).send(head)).status).toBe(200);
    const fields = seen[0]?.fields;
    expect([valuesOf(fields, ':authority'), valuesOf(fields, ':path')]).toEqual([[authority], [received]]);
    // What was rewritten is told by who has done it, and by nobody before.
    const rewritten = received !== sent && ofRoute?.path !== undefined;
    const original = rewritten ? [sent.replace('/x/../%6Fld/./a', '/old/a')] : [];
    expect(valuesOf(fields, 'x-envoy-original-path')).toEqual(original);
    expect(valuesOf(fields, 'x-envoy-original-host')).toEqual(authority === 'cart' ? [] : ['cart']);
    expect(valuesOf(fields, 'x_envoy_original_host')).toEqual([]);
    // The log tells what was asked for.
    expect(bed.lines().join('\n')).toContain(` ${sent} `);
  });
});

describe('a rewritten request', () => {
  it('is exactly one, with exactly the path that was made, whatever the client has asked for', () => {
    const seen: Seen[] = [];
    const options: TestServiceOptions = { endpoints: { 'cart-1': recording('HTTP/1.1', seen) } };
    const bed = start(options);
    const client = new Client(bed, 'HTTP/1.1');
    const parts = fc.constantFrom('/', 'a', '%0d%0a', '%20', '%2F', '%2e', '.', 'HTTP/1.1', '%', ':', '@', '\\');
    const requested = fc.tuple(fc.array(parts, { maxLength: 8 }), fc.constantFrom('', '?', '?q=/?%0d%0a'));
    const rewrite = fc.oneof(
      fc
        .constantFrom('0', 'd', '%', '/', '%0', 'a')
        .map((regex) => ({ kind: 'regex', regex, substitution: '' }) as const),
      fc.constantFrom('(.)a', '(/)', '(%)').map((regex) => ({ kind: 'regex', regex, substitution: '\\1\\1' }) as const),
      fc
        .tuple(fc.constantFrom('/', '/a', '/a/'), fc.constantFrom('', '/', '//', '/%', 'b', '/ü'), fc.boolean())
        .map(([prefix, replacement, bySegment]) => ({ kind: 'prefix', prefix, replacement, bySegment }) as const),
    );
    fc.assert(
      fc.property(rewrite, requested, (path, [segments, query]) => {
        seen.length = 0;
        bed.serve(serviceModel({ ...options, action: { rewrite: { authority: '', path } } }));
        const sent = Buffer.from(`/${segments.join('')}${query}`).toString('latin1');
        const answer = settled(bed, client.send({ ':path': sent }));
        expect([200, 400]).toContain(answer.status);
        expect(seen).toHaveLength(answer.status === 200 ? 1 : 0);
        if (answer.status === 400) return;
        const [received = ''] = valuesOf(seen[0]?.fields, ':path');
        expect(received).toMatch(/^\/[!-"$->@-~]*(\?[!-"$-\u00ff]*)?$/);
        expect(received.includes('?') ? received.slice(received.indexOf('?')) : '').toBe(
          sent.includes('?') ? sent.slice(sent.indexOf('?')) : '',
        );
      }),
      { numRuns: 150 },
    );
  });

  it('is tried again as it was rewritten', () => {
    const seen: Seen[] = [];
    const bed = start({
      endpoints: {
        'cart-1': application('HTTP/1.1', {
          onComplete: (one) => {
            seen.push(one);
            respond(one, seen.length < 3 ? 503 : 200, '');
          },
        }),
      },
      action: {
        rewrite: { authority: 'other', path: { kind: 'full', path: '/new' } },
        retry: {
          retries: 2,
          conditions: ['5xx'],
          statusCodes: [],
          perTryTimeoutMs: 0,
          backoffBaseMs: 1,
          ignorePreviousEndpoints: true,
          remoteLocalities: false,
        },
      },
    });
    const answer = settled(bed, new Client(bed, 'HTTP/1.1').send({ ':method': 'POST' }, 'body'));
    expect(answer.status).toBe(200);
    expect(seen.map(({ fields, body }) => [...valuesOf(fields, ':path'), body])).toEqual(
      Array(3).fill(['/new', 'body']),
    );
  });
});

describe('a redirect', () => {
  it.each(['HTTP/1.1', 'HTTP/2'] as const)('is answered to %s clients without a backend', (version) => {
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') },
      routes: [
        {
          action: {
            kind: 'redirect',
            status: 308,
            scheme: 'https',
            hostname: 'o.example',
            port: 8443,
            path: { kind: 'prefix', prefix: '/old', replacement: '/new', bySegment: true },
          },
        },
      ],
    });
    const client = new Client(bed, version);
    for (const method of ['GET', 'HEAD', 'GET']) {
      const answer = settled(bed, client.send({ ':method': method, ':path': '/old/a?q=1', ':authority': 'cart:80' }));
      expect([answer.status, answer.field('location')]).toEqual([308, 'https://o.example:8443/new/a?q=1']);
      expect([answer.field('content-length'), answer.bytes]).toEqual(['0', 0]);
    }
    const posted = settled(bed, client.send({ ':method': 'POST', ':path': '/old' }, 'body'));
    expect([posted.status, posted.field('location')]).toEqual([308, 'https://o.example:8443/new']);
    expect(bed.endpoint('cart-1').tunnels).toBe(0);
    expect(bed.lines().join('\n')).toContain(' 308 - direct_response ');
  });

  it('is the share of a destination', () => {
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/2', 200, 'hello') },
      action: {
        destinations: [
          { cluster: clusterName(), weight: 1 },
          {
            cluster: '',
            weight: 1,
            redirect: { status: 302, scheme: '', hostname: 'o.example', port: 'as-requested', path: null },
            responseHeaders: changes({ set: [field('x-moved', 'yes')] }),
          },
        ],
      },
    });
    const client = new Client(bed, 'HTTP/2');
    const statuses = new Map<number, number>();
    for (let count = 0; count < 100; count++) {
      const answer = settled(bed, client.send({}));
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      expect(answer.field('x-moved')).toBe(answer.status === 302 ? 'yes' : undefined);
    }
    // Five standard deviations of 100 draws at one half.
    expect(statuses.get(200)).toBeGreaterThan(25);
    expect(statuses.get(302)).toBeGreaterThan(25);
    expect((statuses.get(200) ?? 0) + (statuses.get(302) ?? 0)).toBe(100);
  });

  it('of a client of HTTP/1.0 without a host names the address that it has dialled', () => {
    const bed = start({ endpoints: {}, routes: [{ action: { kind: 'redirect', scheme: 'https' } }] });
    const connection = raw(bed);
    connection.write('GET /a HTTP/1.0\r\n\r\n');
    bed.loop.until(() => connection.text.includes('\r\n\r\n'));
    expect(connection.text.toLowerCase()).toContain('location: https://10.96.0.1/a\r\n');
  });
});
