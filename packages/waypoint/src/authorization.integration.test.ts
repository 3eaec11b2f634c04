import type { AuthorizationPolicy } from '@ambit/traffic/model/authorization-policy';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Answer, answering, application, Client, Raw, raw, respond, type Seen } from './test-application.ts';
import { clusterName, serviceModel } from './test-models.ts';
import { is, policy } from './test-policies.ts';
import { end, start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

const OTHER_CLIENT = 'spiffe://cluster.local/ns/other/sa/web';
const DETAILS = 'rbac_access_denied_matched_policy[ns[shop]-policy[deny]-rule[0]]';
const NO_DELETE = policy('deny', is('method', 'DELETE'));
const ONLY_SHOP = policy('allow', is('source-namespace', 'shop'));

function settled(bed: TestWaypoint, answer: Answer): Answer {
  bed.loop.until(() => answer.settled);
  return answer;
}

/** How often policies decided so, by `policy action decision reason dry_run`. */
function decisions(bed: TestWaypoint): Record<string, number> {
  const { counters } = bed.thread.metrics.snapshot();
  return Object.fromEntries(
    counters
      .filter(({ name }) => name === 'ambit_policy_decisions_total')
      .flatMap(({ samples }) => samples.map(({ labels, values }) => [labels.join(' '), values[0] ?? 0])),
  );
}

describe.each([
  ['HTTP/1.1', 'http1'],
  ['HTTP/2', 'http2'],
] as const)('a request over %s', (version, protocol) => {
  it('is refused before anything else happens, and the policy is named to operators alone', () => {
    const seen: Seen[] = [];
    const bed = start({
      protocol,
      endpoints: { 'cart-1': application(version, { onRequest: (one) => seen.push(one) }) },
      policies: [NO_DELETE],
      routes: [
        {
          action: {
            kind: 'forward',
            destinations: [{ cluster: clusterName() }],
            mirrors: [{ cluster: clusterName(), perMillion: 1_000_000 }],
          },
          fault: {
            delay: { delayMs: 60_000, perMillion: 1_000_000 },
            abort: { kind: 'http', status: 418, perMillion: 1_000_000 },
          },
        },
      ],
    });
    const client = new Client(bed, version);
    const answer = settled(bed, client.send({ ':method': 'DELETE' }, 'body'));
    expect([answer.status, answer.body]).toEqual([403, 'RBAC: access denied']);
    expect(answer.head?.join(' ')).not.toMatch(/shop|deny/);
    bed.loop.pass(20);
    expect(seen).toEqual([]);
    expect(bed.lines().at(-1)).toContain(` 403 - ${DETAILS} `);
    expect(bed.lines().at(-1)).toContain('policy="shop/deny" reason="AMBIT_POLICY_DENIED"');
    expect(decisions(bed)).toEqual({ 'shop/deny deny deny deny-rule false': 1 });
  });

  it('that is allowed goes through, and the next one on its connection is judged by itself', () => {
    const bed = start({ protocol, endpoints: { 'cart-1': answering(version, 200, 'hello') }, policies: [NO_DELETE] });
    const client = new Client(bed, version);
    const statuses = ['GET', 'DELETE', 'GET'].map((method) => settled(bed, client.send({ ':method': method })).status);
    expect(statuses).toEqual([200, 403, 200]);
  });

  it('is judged by the identity that the tunnel proves, whatever it says itself', () => {
    const bed = start({ protocol, endpoints: { 'cart-1': answering(version, 200, 'hello') }, policies: [ONLY_SHOP] });
    const claims = {
      'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/shop/sa/web',
      'x-forwarded-for': '10.0.0.1',
    };
    expect(settled(bed, new Client(bed, version).send({})).status).toBe(200);
    expect(settled(bed, new Client(bed, version, OTHER_CLIENT).send(claims)).status).toBe(403);
    expect(bed.lines().at(-1)).toContain('rbac_access_denied_matched_policy[none]');
  });

  it('is judged by the policies in force when it comes', () => {
    const bed = start({ protocol, endpoints: { 'cart-1': answering(version, 200, 'hello') } });
    const client = new Client(bed, version);
    const status = () => settled(bed, client.send({})).status;
    expect(status()).toBe(200);
    bed.serve(serviceModel({ protocol, policies: [policy('deny')] }));
    expect(status()).toBe(403);
    bed.serve(serviceModel({ protocol }));
    expect(status()).toBe(200);
  });
});

describe('a refusal', () => {
  it('of a gRPC call is one of gRPC', () => {
    const bed = start({
      protocol: 'http2',
      endpoints: { 'cart-1': answering('HTTP/2', 200, '') },
      policies: [policy('deny')],
    });
    const call = { ':method': 'POST', ':path': '/shop.Cart/Get', 'content-type': 'application/grpc' };
    const answer = settled(bed, new Client(bed, 'HTTP/2').send(call));
    expect(answer.status).toBe(200);
    expect(answer.head).toEqual(expect.arrayContaining(['grpc-status', '7', 'grpc-message']));
    expect(bed.lines().at(-1)).toContain(DETAILS);
  });

  it('of a request that no route has is no 404', () => {
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/1.1', 200, '') },
      policies: [policy('deny')],
      routes: [],
    });
    expect(settled(bed, new Client(bed, 'HTTP/1.1').send({})).status).toBe(403);
  });

  it('of a WebSocket comes before the endpoint is asked', () => {
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/1.1', 200, '') },
      policies: [policy('deny', is('path', '/chat'))],
    });
    const client = raw(bed);
    client.write(
      'GET /chat HTTP/1.1\r\nHost: cart\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n',
    );
    bed.loop.until(() => client.text.includes('RBAC: access denied'));
    expect(client.text).toMatch(/^HTTP\/1.1 403 /);
    expect(bed.endpoint('cart-1').tunnels).toBe(0);
  });
});

describe('policies that only watch', () => {
  it.each<[string, AuthorizationPolicy, string, string, string]>([
    ['AUDIT', policy('audit', is('method', 'GET')), 'shop/audit', 'audit', 'audit allow audit false'],
    ['DENY in dry run', { ...policy('deny'), dryRun: true }, 'shop/deny', 'dry-run-deny', 'deny deny dry-run true'],
    [
      'ALLOW in dry run that does not match',
      { ...policy('allow', is('method', 'PUT')), dryRun: true },
      'shop/allow',
      'dry-run-deny',
      'allow deny dry-run true',
    ],
  ])('%s let through, and are logged and counted', (_, watching, name, reason, labels) => {
    const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') }, policies: [watching] });
    expect(settled(bed, new Client(bed, 'HTTP/1.1').send({})).status).toBe(200);
    expect(bed.lines().at(-1)).toContain(`policy="${name}" reason="${reason}"`);
    expect(decisions(bed)).toMatchObject({ [`${name} ${labels}`]: 1 });
  });
});

describe('what is judged', () => {
  const PIECES = [
    '/',
    '/admin',
    'admin',
    '.',
    '..',
    '%2e',
    '%2F',
    '%5C',
    '\\',
    ';',
    '#',
    '?',
    '%00',
    '%',
    '%61',
    '%c0%af',
    '*',
    ':',
    'http://x',
    '\u00e4',
  ];

  it('is what the backend receives, however the path is written', () => {
    const seen: Seen[] = [];
    const bed = start({
      endpoints: {
        'cart-1': application('HTTP/2', {
          onComplete: (one) => {
            seen.push(one);
            respond(one, 200, '');
          },
        }),
      },
      protocol: 'http2',
      policies: [policy('deny', { ...is('path'), values: [{ kind: 'prefix', text: '/admin' }] })],
    });
    const client = new Client(bed, 'HTTP/2');
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 6 }), (pieces) => {
        seen.length = 0;
        const { status } = settled(
          bed,
          client.sendFields([':method', 'GET', ':scheme', 'http', ':authority', 'cart', ':path', pieces.join('')]),
        );
        const [received] = seen;
        expect([200, 400, 403]).toContain(status);
        expect(received !== undefined).toBe(status === 200);
        if (received === undefined) return;
        const path = received.fields[received.fields.indexOf(':path') + 1] ?? '';
        // An application that reads what it got as URLs are read is not led where the policy forbids.
        expect(new URL(`http://cart${path}`).pathname).not.toMatch(/^\/admin/);
        expect(path).not.toMatch(/^\/admin/);
      }),
      { numRuns: 300 },
    );
    end(bed);
  });

  it.each([
    ['GET /public/../admin HTTP/1.1\r\nHost: cart\r\n\r\n', 403],
    ['GET //admin HTTP/1.1\r\nHost: cart\r\n\r\n', 200],
    ['GET http://cart/admin HTTP/1.1\r\nHost: cart\r\n\r\n', 403],
    ['GET http://evil/x HTTP/1.1\r\nHost: cart\r\n\r\n', 400],
    ['GET http://evil/x HTTP/1.1\r\nHost: evil\r\n\r\n', 403],
    ['GET /x HTTP/1.1\r\nHost: EVIL.:8080\r\n\r\n', 403],
    ['GET /%2e%2e/admin HTTP/1.1\r\nHost: cart\r\n\r\n', 400],
    ['GET /a%00/../admin HTTP/1.1\r\nHost: cart\r\n\r\n', 400],
    ['GET /x HTTP/1.0\r\n\r\n', 403],
  ])('%j of HTTP/1 is answered with %s', (request, status) => {
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') },
      policies: [
        { ...policy('deny', { ...is('path'), values: [{ kind: 'prefix', text: '/admin' }] }), name: 'path' },
        // A request without a host is for what was dialled.
        { ...policy('deny', is('host', 'evil', '10.96.0.1')), name: 'host' },
      ],
    });
    const client = raw(bed);
    client.write(request);
    bed.loop.until(() => client.text.includes('\r\n\r\n'));
    expect(client.text).toMatch(new RegExp(`^HTTP/1.. ${status} `));
  });
});

it.each([
  ['none', '/a/../admin', 200],
  ['base', '//admin', 200],
  ['merge-slashes', '//admin', 403],
  ['merge-slashes', '/%2Fadmin', 200],
  ['decode-and-merge-slashes', '/%2Fadmin', 403],
] as const)('paths are judged as %s makes them: %s', (pathNormalization, path, status) => {
  const forbidden = policy('deny', { ...is('path'), values: [{ kind: 'prefix', text: '/admin' }] });
  const bed = start({
    pathNormalization,
    endpoints: { 'cart-1': answering('HTTP/1.1', 200, ({ fields }) => fields[fields.indexOf(':path') + 1] ?? '') },
    policies: [forbidden],
  });
  const answer = settled(bed, new Client(bed, 'HTTP/1.1').send({ ':path': path }));
  expect(answer.status).toBe(status);
  if (status === 200) expect(answer.body).toBe(path);
});

/** An application that says what it hears. */
const echo = (servers: Raw[]) => (tunnel: Parameters<ReturnType<typeof answering>>[0]) => {
  const server = new Raw();
  servers.push(server);
  server.endpoint = tunnel.open([], server);
  let echoed = 0;
  server.onText = (): void => {
    server.write(server.text.slice(echoed));
    echoed = server.text.length;
  };
};

describe('a connection whose bytes are not looked at', () => {
  it.each<[string, AuthorizationPolicy]>([
    ['a DENY', policy('deny', is('source-namespace', 'shop'))],
    ['a DENY about requests alone', NO_DELETE],
    ['an ALLOW about requests', policy('allow', is('method', 'GET'))],
  ])('is refused at once by %s', (_, refusing) => {
    const servers: Raw[] = [];
    const bed = start({ protocol: 'tcp', endpoints: { 'cart-1': echo(servers) }, policies: [refusing] });
    const refused = bed.tryOpen(new Raw());
    const said =
      refusing.action === 'deny' ? 'AMBIT_POLICY_DENIED policy=shop/deny' : 'AMBIT_POLICY_DENIED policy=shop/allow';
    expect(refused).toMatchObject({ status: 401, fields: ['x-ambit-reason', said] });
    expect(bed.lines().at(-1)).toContain('rbac_access_denied_matched_policy[');
    expect(servers).toEqual([]);
  });

  it('is refused on a port of undeclared protocol as soon as it is known to be one', () => {
    const servers: Raw[] = [];
    const bed = start({ protocol: 'auto', endpoints: { 'cart-1': echo(servers) }, policies: [NO_DELETE] });
    const client = raw(bed);
    client.write('hello, not HTTP\r\n');
    bed.loop.until(() => client.closed !== undefined);
    expect(servers.map(({ text }) => text).join('')).toBe('');
    const request = settled(bed, new Client(bed, 'HTTP/1.1').send({ ':method': 'DELETE' }));
    expect(request.status).toBe(403);
  });

  it('is not made for a client that is silent and may only speak HTTP', () => {
    const servers: Raw[] = [];
    const bed = start({
      protocol: 'auto',
      headTimeoutMs: 400,
      endpoints: { 'cart-1': echo(servers) },
      policies: [NO_DELETE],
    });
    const client = raw(bed);
    bed.loop.until(() => client.closed !== undefined);
    expect(servers).toEqual([]);
    expect(bed.lines().at(-1)).toContain(DETAILS);
  });

  it.each(['tcp', 'auto'] as const)(
    'that is open on a port declared %s is cut when a policy forbids it',
    (protocol) => {
      const servers: Raw[] = [];
      const bed = start({ protocol, endpoints: { 'cart-1': echo(servers) } });
      const clients = [raw(bed), raw(bed, undefined, OTHER_CLIENT)];
      for (const client of clients) client.write('hello\r\n');
      bed.loop.until(() => clients.every(({ text }) => text === 'hello\r\n'));
      bed.serve(serviceModel({ protocol, policies: [ONLY_SHOP] }));
      const [ours, theirs] = clients;
      bed.loop.until(() => theirs?.closed !== undefined);
      ours?.write('again\r\n');
      bed.loop.until(() => ours?.text === 'hello\r\nagain\r\n');
      expect(ours?.closed).toBeUndefined();
      expect(bed.lines().at(-1)).toContain('reason="AMBIT_POLICY_DENIED"');
    },
  );

  it('is refused by a policy that comes while its endpoint is being connected', () => {
    const server = new Raw();
    const bed = start({
      protocol: 'tcp',
      endpoints: {
        'cart-1': (tunnel) => {
          bed.serve(serviceModel({ protocol: 'tcp', policies: [policy('deny')] }));
          server.endpoint = tunnel.open([], server);
        },
      },
    });
    expect(bed.tryOpen(new Raw())).toMatchObject({ status: 401 });
    bed.loop.until(() => server.closed !== undefined);
    expect(server.text).toBe('');
  });

  it('is refused by a policy that comes while nobody has spoken', () => {
    const servers: Raw[] = [];
    const bed = start({ protocol: 'auto', endpoints: { 'cart-1': echo(servers) } });
    const client = raw(bed);
    bed.loop.until(() => servers.length === 1);
    bed.serve(serviceModel({ protocol: 'auto', policies: [NO_DELETE] }));
    client.write('hello, not HTTP\r\n');
    bed.loop.until(() => client.closed !== undefined && servers[0]?.closed !== undefined);
    expect(servers.map(({ text }) => text)).toEqual(['']);
    expect(bed.lines().at(-1)).toContain(DETAILS);
  });

  it('that is open is cut when the service is closed', () => {
    const bed = start({ protocol: 'tcp', endpoints: { 'cart-1': echo([]) } });
    const client = raw(bed);
    client.write('hello\r\n');
    bed.loop.until(() => client.text === 'hello\r\n');
    bed.serve({ ...serviceModel({ protocol: 'tcp' }), ports: [] });
    bed.loop.until(() => client.closed !== undefined);
    expect(bed.lines().at(-1)).toContain('AMBIT_WAYPOINT_NOT_SERVED');
  });
});

it('a WebSocket that is open is cut when a policy forbids its request, and others go on', () => {
  const bed = start({
    endpoints: {
      'cart-1': (tunnel) => {
        const server = new Raw();
        server.endpoint = tunnel.open([], server);
        server.onText = (): void => {
          if (!server.text.endsWith('\r\n\r\n')) return;
          server.onText = undefined;
          server.write(
            'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\n\r\n',
          );
        };
      },
    },
  });
  const open = (path: string): Raw => {
    const client = raw(bed);
    client.write(
      `GET ${path} HTTP/1.1\r\nHost: cart\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n`,
    );
    bed.loop.until(() => client.text.includes('\r\n\r\n'));
    return client;
  };
  const [chat, news] = [open('/chat'), open('/news')];
  bed.serve(serviceModel({ policies: [policy('deny', is('path', '/chat'))] }));
  bed.loop.until(() => chat.closed !== undefined);
  bed.loop.pass(20);
  expect(news.closed).toBeUndefined();
  expect(bed.lines().at(-1)).toContain(`101 - ${DETAILS}`);
  expect(bed.lines().at(-1)).toContain('policy="shop/deny"');
});

it('requests to a workload are judged by the policies that come with it', () => {
  const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') } });
  bed.serveWorkload('cart-1', { 8080: 'http1' }, [NO_DELETE]);
  const client = new Client(bed, 'HTTP/1.1', undefined, `${bed.endpoint('cart-1').ip}:8080`);
  expect(settled(bed, client.send({ ':method': 'DELETE' })).status).toBe(403);
  expect(settled(bed, client.send({})).status).toBe(200);
});

describe('a request under way that a policy forbids when it changes', () => {
  const forbid = (bed: TestWaypoint, protocol: 'http1' | 'http2') => {
    bed.serve(serviceModel({ protocol, policies: [policy('deny', is('path', '/forbidden'))] }));
    return performance.now();
  };

  it('ends within a second: a gRPC stream with its status, and the call beside it goes on', () => {
    const seen: Seen[] = [];
    const bed = start({
      protocol: 'http2',
      endpoints: {
        'cart-1': application('HTTP/2', {
          onRequest: (one) => {
            seen.push(one);
            one.exchange.respond([':status', '200', 'content-type', 'application/grpc'], false);
            one.exchange.sendData(Buffer.from('message'), 0, 7, false);
          },
        }),
      },
    });
    const client = new Client(bed, 'HTTP/2');
    const call = (path: string): Answer =>
      client.send({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' }, '', true);
    const [forbidden, allowed] = [call('/forbidden'), call('/allowed')];
    bed.loop.until(() => forbidden.body === 'message' && allowed.body === 'message');
    const changed = forbid(bed, 'http2');
    bed.loop.until(() => forbidden.settled);
    expect(performance.now() - changed).toBeLessThan(1_000);
    expect(forbidden.trailers).toEqual(['grpc-status', '7', 'grpc-message', 'RBAC: access denied']);
    bed.loop.until(() => seen[0]?.reset !== undefined);
    bed.loop.pass(20);
    expect([allowed.settled, seen[1]?.reset]).toEqual([false, undefined]);
    expect(bed.lines().at(-1)).toContain('policy="shop/deny" reason="AMBIT_POLICY_DENIED"');
  });

  it('ends with 403 when nothing was answered, and is cut when something was', () => {
    const seen: Seen[] = [];
    const bed = start({
      endpoints: {
        'cart-1': application('HTTP/1.1', {
          onRequest: (one) => {
            seen.push(one);
            if (seen.length > 1) one.exchange.respond([':status', '200'], false);
          },
        }),
      },
    });
    const ask = (): Answer => new Client(bed, 'HTTP/1.1').send({ ':path': '/forbidden' });
    const silent = ask();
    bed.loop.until(() => seen.length === 1);
    const begun = ask();
    bed.loop.until(() => begun.status === 200);
    forbid(bed, 'http1');
    bed.loop.until(() => silent.settled && begun.settled);
    expect([silent.status, silent.body]).toEqual([403, 'RBAC: access denied']);
    expect(begun.reset).toBeDefined();
  });

  it('comes to its end when that is soon', () => {
    const seen: Seen[] = [];
    const bed = start({ endpoints: { 'cart-1': application('HTTP/1.1', { onRequest: (one) => seen.push(one) }) } });
    const answer = new Client(bed, 'HTTP/1.1').send({ ':path': '/forbidden' });
    bed.loop.until(() => seen.length === 1);
    forbid(bed, 'http1');
    bed.loop.pass(20);
    const [one] = seen;
    if (one !== undefined) respond(one, 200, 'done');
    expect(settled(bed, answer).status).toBe(200);
  });
});
