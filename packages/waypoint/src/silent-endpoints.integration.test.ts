import type { Http2Keepalive } from '@ambit/traffic/model/cluster-limits';
import { describe, expect, it } from 'vitest';
import { type Answer, answering, application, Client, Raw, respond, type Seen } from './test-application.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

/** Its proxy is there, and never says whether the application is. */
const unreachable: EndpointBehaviour = () => undefined;

/** Takes connections and says nothing. */
const quiet: EndpointBehaviour = (tunnel) => {
  tunnel.open([], new Raw());
};

function ask(bed: TestWaypoint, version: 'HTTP/1.1' | 'HTTP/2' = 'HTTP/1.1'): Answer {
  return new Client(bed, version).send({});
}

describe.each(['HTTP/1.1', 'HTTP/2'] as const)('an endpoint of %s that cannot be connected', (version) => {
  const protocol = version === 'HTTP/2' ? 'http2' : 'http1';

  it('is given up after connectTimeout, also when it is behind the proxy of its node', () => {
    const bed = start({ protocol, endpoints: { 'cart-1': unreachable }, connectTimeoutMs: 60 });
    const answer = ask(bed, version);
    bed.loop.until(() => answer.settled, 1_000);
    expect(answer.status).toBe(503);
    expect(bed.lines().join('\n')).toMatch(/ 503 UF upstream_reset_before_response_started\{connection_timeout\}/);
    expect(bed.lines().join('\n')).toContain('connectTimeout');
  });

  it('is reached by who comes when it is back, however long others still wait for lost packets', () => {
    const bed = start({
      protocol,
      endpoints: { 'cart-1': unreachable },
      connectTimeoutMs: 10_000,
      action: { timeoutMs: 50 },
    });
    const lost = ask(bed, version);
    bed.loop.until(() => lost.settled);
    expect(lost.status).toBe(504);
    bed.endpoint('cart-1').behaviour = answering(version, 200, 'hello');
    bed.loop.pass(1_000);
    const answer = ask(bed, version);
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(200);
  });
});

it('a connection whose bytes nobody looks at is refused when its endpoint cannot be connected in time', () => {
  const bed = start({ protocol: 'tcp', endpoints: { 'cart-1': unreachable }, connectTimeoutMs: 60 });
  expect(bed.tryOpen(new Raw())).toMatchObject({ status: 503 });
  expect(bed.lines().join('\n')).toContain('AMBIT_UPSTREAM_LATE');
});

describe('http2KeepAlive', () => {
  const keepalive = (http2Keepalive: Http2Keepalive): { http2Keepalive: Http2Keepalive } => ({ http2Keepalive });

  it.each<[string, Http2Keepalive]>([
    ['a timeout longer than the interval', { intervalMs: 20, timeoutMs: 50 }],
    ['a shorter one', { intervalMs: 50, timeoutMs: 20 }],
  ])('ends a connection that hangs, and the requests on it, with %s', (_, settings) => {
    const bed = start({ protocol: 'http2', endpoints: { 'cart-1': quiet }, connectionPool: keepalive(settings) });
    const answer = ask(bed, 'HTTP/2');
    bed.loop.until(() => answer.settled, 1_000);
    expect(answer.status).toBe(503);
    expect(bed.lines().join('\n')).toContain('PING');
  });

  it('leaves a connection alone that answers, however long its requests take', () => {
    const held: Seen[] = [];
    const bed = start({
      protocol: 'http2',
      endpoints: { 'cart-1': application('HTTP/2', { onComplete: (seen) => held.push(seen) }) },
      connectionPool: keepalive({ intervalMs: 20, timeoutMs: 50 }),
    });
    const answer = ask(bed, 'HTTP/2');
    bed.loop.until(() => held.length === 1);
    bed.loop.pass(400);
    expect(answer.settled).toBe(false);
    respond(held[0] as Seen, 200, 'hello');
    bed.loop.until(() => answer.settled);
    expect([answer.status, bed.endpoint('cart-1').tunnels]).toEqual([200, 1]);
  });
});
