import { MetricsAggregate } from '@ambit/telemetry/aggregate';
import { renderMetrics } from '@ambit/telemetry/exposition';
import { REQUEST_FAMILIES } from '@ambit/telemetry/request-families';
import { requestSamples } from '@ambit/telemetry/request-snapshot';
import type { LocalRateLimit } from '@ambit/traffic/model/local-rate-limit';
import { RequestFacts } from '@ambit/traffic/request/request-facts';
import type { ResponseFlag } from '@ambit/traffic/response-flag';
import { describe, expect, it } from 'vitest';
import { answering, application, Client, Raw, raw, type Seen } from './test-application.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { clusterName } from './test-models.ts';
import { policy } from './test-policies.ts';
import type { TestForward } from './test-routes.ts';
import { start } from './test-start.ts';
import type { TestServiceOptions, TestWaypoint } from './test-waypoint.ts';

/** What provokes a flag, and the status that goes with it. */
interface Case {
  readonly status: number;
  readonly options?: Partial<TestServiceOptions>;
  /** Default: one request, whose answer is waited for. */
  readonly run?: (bed: TestWaypoint) => void;
}

const ALL = 1_000_000;
const FORWARD: TestForward = { kind: 'forward', destinations: [{ cluster: clusterName() }] };
const THIEF = 'spiffe://cluster.local/ns/shop/sa/thief';
const DELAY = { delayMs: 20, perMillion: ALL };
const ABORT = { kind: 'http', status: 418, perMillion: ALL } as const;
const RETRY: TestForward['retry'] = {
  ...{ retries: 1, conditions: ['5xx'], statusCodes: [], perTryTimeoutMs: 0, backoffBaseMs: 1 },
  ...{ remoteLocalities: false, ignorePreviousEndpoints: true },
};

const LIMIT: LocalRateLimit = {
  ...{ namespace: 'shop', name: 'limit', target: 'Service shop/cart', dryRun: false, headers: 'none' },
  rules: [{ name: 'all', matches: [], key: [], requests: 1, intervalMs: 3_600_000, burst: 1, maxKeys: 0 }],
};

/** The only one that there is, which no request is counted for. */
function takeToken({ thread }: TestWaypoint): void {
  const facts = RequestFacts.read([':method', 'GET', ':path', '/']);
  if (typeof facts === 'string') throw new Error(facts);
  const limits = thread.services.find('shop/cart.shop.svc.cluster.local')?.rateLimits;
  expect(limits?.judge({ identity: undefined, sourceIp: '127.0.0.1' }, facts)?.refusal).toBeUndefined();
}

const silent = application('HTTP/1.1', {});

/** Says these octets when it is asked something, or ends. */
const saying =
  (text: string | undefined): EndpointBehaviour =>
  (tunnel) => {
    const connection = new Raw();
    connection.onText = () => {
      if (text === undefined) connection.endpoint?.destroy(undefined, true);
      else connection.write(text);
    };
    connection.endpoint = tunnel.open([], connection);
  };

function ask(bed: TestWaypoint, version: 'HTTP/1.1' | 'HTTP/2' = 'HTTP/1.1'): void {
  const answer = new Client(bed, version).send({});
  bed.loop.until(() => answer.settled);
}

const single = (behaviour: EndpointBehaviour): Partial<TestServiceOptions> => ({ endpoints: { 'cart-1': behaviour } });

/** Each that is declared has its own. */
const CASES: Readonly<Record<ResponseFlag, Case>> = {
  DC: {
    status: 0,
    options: single(silent),
    run: (bed) => {
      const answer = new Client(bed, 'HTTP/1.1').send({});
      bed.loop.until(() => bed.endpoint('cart-1').tunnels === 1);
      answer.exchange?.reset(8);
    },
  },
  DI: { status: 200, options: { routes: [{ fault: { delay: DELAY, abort: null }, action: FORWARD }] } },
  DPE: {
    status: 400,
    run: (bed) => {
      raw(bed).write('GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n');
    },
  },
  FI: { status: 418, options: { routes: [{ fault: { delay: null, abort: ABORT }, action: FORWARD }] } },
  NC: { status: 500, options: { action: { destinations: [{ cluster: '', weight: 1 }] } } },
  NR: { status: 404, options: { routes: [] } },
  RL: {
    status: 429,
    options: { rateLimits: [LIMIT] },
    run: (bed) => {
      takeToken(bed);
      ask(bed);
    },
  },
  UAEX: { status: 403, options: { policies: [{ ...policy('custom'), authorizer: 'nobody' }] } },
  UC: { status: 503, options: single(saying(undefined)) },
  UF: { status: 503, options: { endpointPrincipal: THIEF } },
  UH: { status: 503, options: { subsets: { none: [] }, action: { destinations: [{ cluster: clusterName('none') }] } } },
  UO: {
    status: 503,
    options: { ...single(silent), connectionPool: { maxRequests: 1 } },
    run: (bed) => {
      new Client(bed, 'HTTP/1.1').send({});
      bed.loop.until(() => bed.endpoint('cart-1').tunnels === 1);
      ask(bed);
    },
  },
  UPE: { status: 502, options: single(saying('nonsense\r\n\r\n')) },
  UR: {
    status: 503,
    options: {
      ...single(application('HTTP/2', { onRequest: ({ exchange }: Seen) => exchange.reset(2) })),
      protocol: 'http2',
    },
    run: (bed) => {
      ask(bed, 'HTTP/2');
    },
  },
  URX: { status: 503, options: { ...single(answering('HTTP/1.1', 503, 'no')), action: { retry: RETRY } } },
  UT: { status: 504, options: { ...single(silent), action: { timeoutMs: 30 } } },
};

/** Several at once, in the order in which Envoy writes them. */
const TOGETHER: readonly (readonly [string, Case])[] = [
  [
    'UF,URX',
    { status: 503, options: { endpointPrincipal: THIEF, action: { retry: { ...RETRY, conditions: ['5xx'] } } } },
  ],
  ['DI,FI', { status: 418, options: { routes: [{ fault: { delay: DELAY, abort: ABORT }, action: FORWARD }] } }],
  [
    'UT,DI',
    {
      status: 504,
      options: {
        ...single(silent),
        routes: [{ fault: { delay: DELAY, abort: null }, action: { ...FORWARD, timeoutMs: 60 } }],
      },
    },
  ],
];

/** Status and flags of each line of the log. */
function logged(bed: TestWaypoint): string[] {
  return bed.lines().map((line) => {
    const [, status = '', flags = ''] = /^\[[^\]]*\] "[^"]*" (\d+) (\S+) /.exec(line) ?? [];
    return `${status} ${flags}`;
  });
}

/** Status and flags of each series of a metric. */
function counted(bed: TestWaypoint): string[] {
  const aggregate = new MetricsAggregate(REQUEST_FAMILIES);
  aggregate.update('0', requestSamples(bed.thread.metrics.snapshot().requests));
  const lines = renderMetrics(aggregate.collect()).split('\n');
  return lines.flatMap((line) => {
    if (!line.startsWith('istio_requests_total{')) return [];
    expect(line).toMatch(/\} 1$/);
    const label = (name: string): string => new RegExp(`[{,]${name}="([^"]*)"`).exec(line)?.[1] ?? '';
    return [`${label('response_code')} ${label('response_flags')}`];
  });
}

describe('a response flag', () => {
  it.each([...Object.entries(CASES), ...TOGETHER])(
    '%s is told by log and metric alike',
    (flags, { status, options, run }) => {
      const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') }, ...options });
      (run ?? ask)(bed);
      bed.loop.until(() => bed.lines().length > 0);
      expect(logged(bed)).toEqual([`${status} ${flags}`]);
      expect(counted(bed)).toEqual([`${status} ${flags}`]);
    },
  );

  it('is `-` where there is nothing to tell', () => {
    const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') } });
    ask(bed);
    expect([logged(bed), counted(bed)]).toEqual([['200 -'], ['200 -']]);
  });
});
