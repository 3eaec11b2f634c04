import type { CircuitBreaker, OutlierDetection } from '@ambit/traffic/model/cluster-limits';
import type { RetryPolicy } from '@ambit/traffic/model/served-service';
import { describe, expect, it } from 'vitest';
import { type Answer, answering, application, Client, Raw, respond } from './test-application.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { clusterName } from './test-models.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

const EAGER: Partial<OutlierDetection> = {
  consecutive5xx: 3,
  intervalMs: 100,
  baseEjectionMs: 300,
  maxEjectionPercent: 100,
};

const well = answering('HTTP/1.1', 200, 'hello');

function settled(bed: TestWaypoint, answer: Answer): Answer {
  bed.loop.until(() => answer.settled);
  return answer;
}

function asks(bed: TestWaypoint, count: number): Answer[] {
  const client = new Client(bed, 'HTTP/1.1');
  return Array.from({ length: count }, () => settled(bed, client.send({})));
}

function statuses(bed: TestWaypoint, count: number): number[] {
  return asks(bed, count).map(({ status }) => status);
}

function failures(all: readonly number[]): number {
  return all.filter((status) => status >= 500).length;
}

/** The endpoint's proxy cannot reach the application. */
const refusing: EndpointBehaviour = (tunnel) => {
  tunnel.refuse(503, []);
};

/** Takes the request and cuts the connection. */
const resetting = application('HTTP/1.1', {
  onComplete: ({ exchange }) => {
    exchange.reset(2);
  },
});

/** Never answers. */
const silent = application('HTTP/1.1', {});

describe('an endpoint that fails', () => {
  it.each<[string, EndpointBehaviour, Partial<OutlierDetection>, string, number]>([
    ['with 5xx', answering('HTTP/1.1', 500, 'no'), {}, 'consecutive_5xx', 0],
    [
      'as a gateway',
      answering('HTTP/1.1', 502, 'no'),
      { consecutive5xx: 0, consecutiveGatewayErrors: 3 },
      'consecutive_gateway_errors',
      0,
    ],
    ['to be connected', refusing, {}, 'consecutive_5xx', 0],
    ['by resets', resetting, {}, 'consecutive_5xx', 0],
    ['to answer in time', silent, {}, 'consecutive_5xx', 60],
    [
      'to be connected, split off',
      refusing,
      { consecutive5xx: 0, splitLocalOrigin: true, consecutiveLocalOrigin: 3 },
      'consecutive_local_origin_failures',
      0,
    ],
  ])('%s gets no more requests for a while, and then again', (_, failing, policy, cause, timeoutMs) => {
    const bed = start({
      endpoints: { 'cart-1': failing, 'cart-2': well },
      outlierDetection: { ...EAGER, ...policy },
      action: { timeoutMs },
    });
    expect(failures(statuses(bed, 40))).toBe(3);
    expect(bed.reports).toEqual([
      {
        kind: 'ejected',
        cluster: `shop ${clusterName()}`,
        ejection: expect.objectContaining({ uid: bed.endpoint('cart-1').uid, cause, ejections: 1 }) as unknown,
      },
    ]);
    expect(bed.count('ambit_outlier_ejections_total', clusterName(), cause)).toBe(1);
    bed.loop.pass(450);
    expect(failures(statuses(bed, 40))).toBe(3);
    expect(bed.reports).toHaveLength(2);
  });

  it('by gRPC statuses in its trailers is out too', () => {
    const failing = application('HTTP/2', {
      onComplete: ({ exchange }) => {
        exchange.respond([':status', '200', 'content-type', 'application/grpc'], false);
        exchange.sendData(Buffer.from('x'), 0, 1, false);
        exchange.sendTrailers(['grpc-status', '14']);
      },
    });
    const bed = start({ protocol: 'http2', endpoints: { 'cart-1': failing }, outlierDetection: EAGER });
    const client = new Client(bed, 'HTTP/2');
    const call = { 'content-type': 'application/grpc', ':method': 'POST', te: 'trailers' };
    const answers = Array.from({ length: 4 }, () => settled(bed, client.send(call)));
    expect(answers.map((answer) => answer.field('x-ambit-reason'))).toEqual([
      ...[undefined, undefined, undefined],
      'AMBIT_ENDPOINTS_EJECTED',
    ]);
  });

  it('is left in when that would be too many', () => {
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/1.1', 500, 'no'), 'cart-2': well },
      outlierDetection: { ...EAGER, maxEjectionPercent: 49 },
    });
    expect(failures(statuses(bed, 60))).toBeGreaterThan(3);
    expect(bed.count('ambit_outlier_ejections_total', clusterName(), 'prevented')).toBeGreaterThan(0);
    expect(bed.reports).toEqual([]);
  });
});

describe('when all endpoints are out', () => {
  const failing = answering('HTTP/1.1', 503, 'no');

  it('requests are refused and told why', () => {
    const bed = start({ endpoints: { 'cart-1': failing, 'cart-2': failing }, outlierDetection: EAGER });
    asks(bed, 20);
    const [last] = asks(bed, 1) as [Answer];
    expect([last.status, last.field('x-ambit-reason')]).toEqual([503, 'AMBIT_ENDPOINTS_EJECTED']);
    expect(bed.lines().at(-1)).toContain(' 503 UH no_healthy_upstream{ejected} ');
  });

  it('they are used all the same below minHealthPercent', () => {
    const bed = start({
      endpoints: { 'cart-1': failing, 'cart-2': failing },
      outlierDetection: { ...EAGER, minHealthPercent: 50 },
    });
    const answers = asks(bed, 20);
    expect(answers.every(({ body }) => body === 'no')).toBe(true);
  });

  it('connections whose bytes nobody looks at are refused as well', () => {
    const bed = start({ protocol: 'tcp', endpoints: { 'cart-1': refusing }, outlierDetection: EAGER });
    for (let at = 0; at < 3; at++) bed.tryOpen(new Raw());
    const refused = bed.tryOpen(new Raw());
    expect(refused).toEqual({ status: 503, fields: expect.arrayContaining(['AMBIT_ENDPOINTS_EJECTED']) as string[] });
  });
});

describe('a circuit breaker', () => {
  const BREAKER: CircuitBreaker = { failurePercent: 10, windowMs: 10_000, minimumRequests: 20, openMs: 200 };

  it('opens when 10 % of the requests fail, lets one through after a while, and closes when that succeeds', () => {
    let failing = 0;
    let seen = 0;
    const bed = start({
      endpoints: {
        'cart-1': application('HTTP/1.1', {
          onComplete: (one) => {
            seen += 1;
            respond(one, failing > 0 && seen % failing === 0 ? 500 : 200, 'hello');
          },
        }),
      },
      circuitBreaker: BREAKER,
    });
    expect(failures(statuses(bed, 100))).toBe(0);
    failing = 1;
    const during = asks(bed, 30);
    expect(during.filter(({ body }) => body === 'hello')).toHaveLength(12);
    const refused = during.at(-1) as Answer;
    expect([refused.status, refused.field('x-ambit-reason'), refused.field('x-envoy-overloaded')]).toEqual([
      ...[503, 'AMBIT_CIRCUIT_OPEN'],
      'true',
    ]);
    expect(bed.lines().at(-1)).toContain(' 503 UO circuit_breaker_open ');
    // The one that it lets through fails: nothing else reaches the endpoint.
    bed.loop.pass(250);
    seen = 0;
    asks(bed, 10);
    expect(seen).toBe(1);
    // Then it succeeds.
    failing = 0;
    bed.loop.pass(250);
    expect(failures(statuses(bed, 20))).toBe(0);
    expect(bed.reports).toEqual(
      ['open', 'closed'].map((state) => ({ kind: 'breaker', cluster: clusterName(), state })),
    );
    expect(bed.count('ambit_circuit_breaker_opened_total', clusterName())).toBe(1);
  });
});

describe('a service of which no endpoint answers, at 500 requests a second', () => {
  const RETRY: RetryPolicy = {
    retries: 2,
    conditions: ['5xx', 'connect-failure'],
    statusCodes: [],
    perTryTimeoutMs: 0,
    backoffBaseMs: 25,
    ignorePreviousEndpoints: false,
    remoteLocalities: false,
  };

  /** Sends so many, one every two milliseconds; how long each took, sorted. */
  function storm(bed: TestWaypoint, count: number): { readonly durations: number[]; readonly answers: Answer[] } {
    const client = new Client(bed, 'HTTP/2');
    const [answers, durations]: [Answer[], number[]] = [[], []];
    const begun: number[] = [];
    const note = (): void => {
      answers.forEach((answer, at) => {
        if (answer.settled) durations[at] ??= performance.now() - (begun[at] ?? 0);
      });
    };
    const start = performance.now();
    while (answers.length < count) {
      // The loop may take longer than two milliseconds for a turn.
      while (answers.length < count && answers.length * 2 <= performance.now() - start) {
        begun.push(performance.now());
        answers.push(client.send({}));
      }
      bed.loop.pass(1);
      note();
    }
    bed.loop.until(() => answers.every(({ settled }) => settled));
    note();
    return { durations: durations.sort((a, b) => a - b), answers };
  }

  it.each([
    ['that refuse connections', refusing],
    ['that answer 503', answering('HTTP/2', 503, 'no')],
  ])('is tried 1.2 times as often and clients hear of it at once, with endpoints %s', (_, failing) => {
    let tries = 0;
    const counted: EndpointBehaviour = (tunnel, endpoint) => {
      tries += 1;
      failing(tunnel, endpoint);
    };
    const answered = application('HTTP/2', {
      onComplete: (seen) => {
        tries += 1;
        respond(seen, 503, 'no');
      },
    });
    const behaviour = failing === refusing ? counted : answered;
    const bed = start({
      protocol: 'http2',
      endpoints: { 'cart-1': behaviour, 'cart-2': behaviour },
      action: { retry: RETRY },
    });
    const { durations, answers } = storm(bed, 700);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    expect(tries / answers.length).toBeLessThanOrEqual(1.2);
    expect(durations[350]).toBeLessThan(50);
  });

  it('answers within two seconds of their return, behind a breaker that has let one through now and then', () => {
    let failing = true;
    const endpoint = application('HTTP/2', {
      onComplete: (seen) => {
        respond(seen, failing ? 503 : 200, 'hello');
      },
    });
    const bed = start({
      protocol: 'http2',
      endpoints: { 'cart-1': endpoint },
      circuitBreaker: { failurePercent: 50, windowMs: 10_000, minimumRequests: 20, openMs: 1_000 },
      action: { retry: RETRY },
    });
    storm(bed, 100);
    failing = false;
    const client = new Client(bed, 'HTTP/2');
    const back = performance.now();
    while (settled(bed, client.send({})).status !== 200) bed.loop.pass(2);
    expect(performance.now() - back).toBeLessThan(2_000);
  });
});
