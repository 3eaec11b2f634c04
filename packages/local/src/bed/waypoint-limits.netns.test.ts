import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bed } from './bed.ts';
import { eventually, openBed, script } from './test-bed.ts';

/** One for each limit, so that what comes to it is of one Service. */
const PORTS = {
  requests: 8001,
  connections: 8002,
  pending: 8003,
  retries: 8004,
  'per-connection': 8005,
  breaker: 8006,
};
type Limited = keyof typeof PORTS;

/** How long the circuit breaker is open before it lets one through. */
const OPEN_MS = 400;

/** Answers after a while, with 503 where that is wanted, and tells how much there was at once. */
const BACKEND = script(`
  import { createServer } from 'node:http';
  const stats = {};
  for (const [name, port] of Object.entries(${JSON.stringify(PORTS)})) {
    const seen = (stats[name] = {});
    const clear = () => Object.assign(seen, { requests: 0, most: 0, mostOfOne: 0, mostRetries: 0 });
    clear();
    seen.clear = clear;
    let [now, retries] = [0, 0];
    const ids = new Set();
    const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      const again = ids.has(request.headers['x-request-id']);
      ids.add(request.headers['x-request-id']);
      seen.requests += 1;
      seen.most = Math.max(seen.most, ++now);
      if (again) seen.mostRetries = Math.max(seen.mostRetries, ++retries);
      seen.mostOfOne = Math.max(seen.mostOfOne, (request.socket.carried = (request.socket.carried ?? 0) + 1));
      let over = false;
      const end = () => {
        if (over) return;
        over = true;
        now -= 1;
        if (again) retries -= 1;
      };
      response.on('close', end);
      setTimeout(() => {
        end();
        response.writeHead(name === 'retries' || (name === 'breaker' && seen.failing) ? 503 : 200).end('ok');
      }, 20);
    });
    server.on('connection', (socket) => {
      socket.on('error', () => undefined);
    });
    server.listen(port);
  }
  createServer((request, response) => {
    const [, name, what] = request.url.split('/');
    const seen = stats[name];
    response.end(JSON.stringify(seen));
    if (what === 'clear') seen.clear();
    if (what === 'fail' || what === 'heal') seen.failing = what === 'fail';
  }).listen(9000, '127.0.0.1');
`);

/** Loops that each have a connection, for a while: how many answers there were, by status and reason. */
const load = (url: string, loops: number, ms: number): string[] =>
  script(`
  import { Agent, request } from 'node:http';
  const agent = new Agent({ keepAlive: true, maxSockets: ${loops} });
  const answers = {};
  const one = () => new Promise((resolve) => {
    const call = request('${url}', { agent }, (response) => {
      const reason = response.headers['x-ambit-reason'];
      response.resume().on('end', () => resolve(response.statusCode + (reason === undefined ? '' : ' ' + reason)));
      response.on('error', () => resolve('broken'));
    });
    call.on('error', () => resolve('broken'));
    call.end();
  });
  const end = Date.now() + ${ms};
  const loop = async () => {
    while (Date.now() < end) {
      const answer = await one();
      answers[answer] = (answers[answer] ?? 0) + 1;
      // Who is refused comes again a little later.
      if (answer !== '200') await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await Promise.all(Array.from({ length: ${loops} }, loop));
  console.log(JSON.stringify(answers));
`);

const get = (url: string, method = 'GET'): string[] =>
  script(`console.log(await (await fetch('${url}', { method: '${method}' })).text());`);

/** What the admin page of the waypoint had at most, of several looks. */
const watch = (ms: number): string[] =>
  script(`
  const most = {};
  const end = Date.now() + ${ms};
  while (Date.now() < end) {
    for (const { name, now } of await (await fetch('http://127.0.0.1:15000/clusters')).json()) {
      most[name] ??= {};
      for (const [gauge, value] of Object.entries(now)) most[name][gauge] = Math.max(most[name][gauge] ?? 0, value);
    }
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  console.log(JSON.stringify(most));
`);

const LIMITS: Readonly<Record<Limited, string>> = {
  requests: '{connectionPool: {http: {http2MaxRequests: 12}}}',
  connections: '{connectionPool: {tcp: {maxConnections: 12}}}',
  pending: '{connectionPool: {tcp: {maxConnections: 6}, http: {http1MaxPendingRequests: 9}}}',
  retries: '{connectionPool: {http: {maxRetries: 5}}}',
  'per-connection': '{connectionPool: {http: {maxRequestsPerConnection: 7}}}',
  breaker: '{}',
};

const MESH = `
{ apiVersion: v1, kind: Namespace, metadata: { name: shop, labels: { istio.io/dataplane-mode: ambient, istio.io/use-waypoint: waypoint } } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: waypoint, namespace: shop }
spec: { gatewayClassName: istio-waypoint, listeners: [{ name: mesh, port: 15008, protocol: HBONE }] }
${Object.entries(PORTS)
  .map(
    ([name, port]) => `---
{ apiVersion: v1, kind: Service, metadata: { name: ${name}, namespace: shop }, spec: { selector: { app: backend }, ports: [{ name: http, port: 80, targetPort: ${port} }] } }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: ${name}
  namespace: shop
  annotations: ${name === 'breaker' ? `{ambit.io/circuit-breaker: "failures=10%, window=2s, open=${OPEN_MS}ms"}` : '{}'}
spec: { host: ${name}, trafficPolicy: ${LIMITS[name as Limited]} }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}]
  http:
    - retries: ${name === 'retries' ? '{attempts: 3, retryOn: 5xx, backoff: 1ms}' : '{attempts: 0}'}
      route: [{destination: {host: ${name}}}]
`,
  )
  .join('')}`;

interface Counts {
  readonly requests: number;
  readonly most: number;
  readonly mostOfOne: number;
  readonly mostRetries: number;
}

interface Seen extends Counts {
  /** Of clients. */
  readonly answers: Readonly<Record<string, number>>;
}

/** As the waypoint names it. */
const clusterOf = (name: Limited): string => `outbound|80||${name}.shop.svc.cluster.local`;

/** Gauges of a cluster, at the most. */
interface Most {
  readonly requests: number;
  readonly connections: number;
  readonly pending: number;
  readonly retries: number;
}

const LOOPS = 60;

describe('limits of a waypoint with four data threads, as the backend sees them under load', () => {
  let bed: Bed;
  let close: () => Promise<void>;

  const url = (name: Limited): string => `http://${bed.serviceAddress(`${name}.shop`)}/`;
  const run = async <Result>(pod: string, command: string[]): Promise<Result> => {
    const { stdout, stderr } = await bed.pod(pod).run(command, { timeout: 60_000 });
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as Result;
  };
  const counts = (name: Limited, and = ''): Promise<Counts> =>
    run('shop/backend', get(`http://127.0.0.1:9000/${name}/${and}`));
  const waypoint = (): string => bed.pods().find(({ name }) => name.startsWith('waypoint-'))?.key ?? '';
  const send = (name: Limited, ms: number): Promise<Readonly<Record<string, number>>> =>
    run('shop/client', load(url(name), LOOPS, ms));

  beforeAll(async () => {
    ({ bed, close } = await openBed({
      proxies: { a: { kind: 'ambit' }, b: { kind: 'ambit' } },
      // Few streams for a connection, so that every thread has several.
      proxyEnvironment: {
        WAYPOINT_WORKER_THREADS: '4',
        POOL_MAX_STREAMS_PER_CONNECTION: '4',
        AMBIT_FAULTS: 'true',
      },
    }));
    bed.apply('mesh', MESH);
    const readinessProbe = { tcpSocket: { port: PORTS.breaker } };
    await bed
      .node('b')
      .pod({ name: 'backend', namespace: 'shop', labels: { app: 'backend' }, command: BACKEND, readinessProbe });
    await bed.node('a').pod({ name: 'client', namespace: 'shop' });
    await bed.settled();
    await eventually(
      'the waypoint is there',
      async () => {
        const most = waypoint() === '' ? {} : await run<object>(waypoint(), watch(1)).catch(() => ({}));
        return Object.keys(most).length === Object.keys(PORTS).length;
      },
      30_000,
    );
    for (const name of Object.keys(PORTS) as Limited[]) {
      await eventually(
        `${name} is reached`,
        async () => Object.keys(await run<object>('shop/client', load(url(name), 1, 50))).length > 0,
        10_000,
      );
      await counts(name, 'clear');
    }
  });
  afterAll(async () => {
    await close();
  });

  it.each<[string, Limited, (most: Most, seen: Seen) => void]>([
    [
      'http2MaxRequests',
      'requests',
      (_, { most, answers }) => {
        expect(most).toBe(12);
        expect(Object.keys(answers).sort()).toEqual(['200', '503 AMBIT_REQUEST_LIMIT']);
      },
    ],
    [
      'maxConnections',
      'connections',
      // Of a connection that is ended the program hears by another way than of the one that follows it, so that it may have both.
      ({ connections }, { most, answers }) => {
        expect([most, connections, Object.keys(answers)]).toEqual([12, 12, ['200']]);
      },
    ],
    [
      'http1MaxPendingRequests',
      'pending',
      ({ pending }, { most, answers }) => {
        expect([most, pending]).toEqual([6, 9]);
        expect(Object.keys(answers).sort()).toEqual(['200', '503 AMBIT_PENDING_LIMIT']);
      },
    ],
    [
      'maxRetries',
      'retries',
      ({ retries }, { mostRetries, requests, answers }) => {
        expect([retries, mostRetries]).toEqual([5, 5]);
        expect(Object.keys(answers)).toEqual(['503']);
        expect(requests).toBeGreaterThan(answers['503'] ?? 0);
      },
    ],
    [
      'maxRequestsPerConnection',
      'per-connection',
      (_, { mostOfOne, answers }) => {
        expect([mostOfOne, Object.keys(answers)]).toEqual([7, ['200']]);
      },
    ],
  ])('%s is reached and never exceeded', async (_, name, judge) => {
    const [answers, most] = await Promise.all([send(name, 2_000), run<Record<string, Most>>(waypoint(), watch(2_000))]);
    judge(most[clusterOf(name)] as Most, { ...(await counts(name, 'clear')), answers });
  });

  it.each(
    (['requests', 'connections'] as const).flatMap((name) => [0, 1, 2, 3].map((thread) => [name, thread] as const)),
  )(
    '%s: the places of data thread %i, which is killed under load, are taken by others, and once',
    async (name, thread) => {
      const killed = new Promise((resolve) => setTimeout(resolve, 500)).then(() =>
        run(waypoint(), get(`http://127.0.0.1:15000/fault/terminate-thread?thread=${thread}`, 'POST')),
      );
      const [most, terminated] = await Promise.all([
        run<Record<string, Most>>(waypoint(), watch(1_500)),
        killed,
        send(name, 1_500),
      ]);
      expect(terminated).toEqual({ terminated: thread });
      expect(most[clusterOf(name)]?.[name]).toBe(12);
      // What the dead thread had sent ends at the backend a moment after its places are free.
      await counts(name, 'clear');
      await send(name, 1_000);
      expect((await counts(name, 'clear')).most).toBe(12);
    },
  );

  it('a circuit breaker lets one request through at a time, and closes when that is answered', async () => {
    await counts('breaker', 'fail');
    expect(Object.keys(await send('breaker', 500))).toContain('503 AMBIT_CIRCUIT_OPEN');
    await counts('breaker', 'clear');
    const answers = await send('breaker', 3_000);
    const { most, requests } = await counts('breaker', 'heal');
    expect(most).toBe(1);
    expect(requests).toBe(answers['503']);
    expect(requests).toBeGreaterThanOrEqual(4);
    expect(requests).toBeLessThanOrEqual(3_000 / OPEN_MS + 1);
    await send('breaker', 2 * OPEN_MS);
    expect(Object.keys(await send('breaker', 300))).toEqual(['200']);
  });
});
