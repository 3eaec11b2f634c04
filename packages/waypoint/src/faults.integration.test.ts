import { requestSamples } from '@ambit/telemetry/request-snapshot';
import type { Fault } from '@ambit/traffic/model/route-filters';
import { describe, expect, it } from 'vitest';
import { type Answer, answering, application, Client, respond, type Seen } from './test-application.ts';
import { start } from './test-start.ts';
import { clusterName } from './test-models.ts';
import type { TestWaypoint } from './test-waypoint.ts';

function settled(bed: TestWaypoint, answer: Answer): Answer {
  bed.loop.until(() => answer.settled);
  expect(answer.reset).toBeUndefined();
  return answer;
}

const VERSIONS = ['HTTP/1.1', 'HTTP/2'] as const;
const DELAY_MS = 150;
const ALL = 1_000_000;

const delay = (delayMs = DELAY_MS): Fault => ({ delay: { delayMs, perMillion: ALL }, abort: null });
const abort = (kind: 'grpc' | 'http', status: number): Fault['abort'] => ({ kind, status, perMillion: ALL });

const FORWARD = { kind: 'forward', destinations: [{ cluster: clusterName() }] } as const;

function timed(bed: TestWaypoint, run: () => Answer): { answer: Answer; milliseconds: number } {
  const began = bed.reactor.now;
  const answer = settled(bed, run());
  return { answer, milliseconds: bed.reactor.now - began };
}

/** What is counted of requests, as it is scraped. */
function counted(bed: TestWaypoint): string {
  return JSON.stringify(requestSamples(bed.thread.metrics.snapshot().requests));
}

describe.each(VERSIONS)('a delay of %s requests', (version) => {
  it('holds the request back, and it goes through whole', () => {
    const bed = start({
      endpoints: { 'cart-1': answering(version, 200, (seen) => seen.body) },
      routes: [{ fault: delay(), action: FORWARD }],
    });
    const client = new Client(bed, version);
    for (let count = 0; count < 2; count++) {
      const { answer, milliseconds } = timed(bed, () => client.send({ ':method': 'POST' }, 'the body'));
      expect([answer.status, answer.body]).toEqual([200, 'the body']);
      // Timers of the loop go by whole milliseconds.
      expect(milliseconds).toBeGreaterThanOrEqual(DELAY_MS - 1);
    }
    expect(bed.lines().filter((line) => line.includes(' 200 DI via_upstream '))).toHaveLength(2);
  });

  it('takes of the content only what the window of the request lets in', () => {
    const bed = start({
      endpoints: { 'cart-1': application(version, { onComplete: (one) => respond(one, 200, String(one.bytes)) }) },
      routes: [{ fault: delay(400), action: FORWARD }],
    });
    const client = new Client(bed, version);
    const answer = client.send({ ':method': 'PUT', 'content-length': String(SIZE) }, undefined, true);
    const bytes = Buffer.alloc(SIZE, 'x');
    let at = 0;
    const pour = (): void => {
      const { exchange } = answer;
      if (exchange !== undefined && at < SIZE) at += exchange.sendData(bytes, at, SIZE, true);
    };
    answer.onWritable = pour;
    pour();
    bed.loop.pass(200);
    // The window of a stream of HTTP/2, or that of the tunnel and what lies in sockets and buffers.
    expect(at).toBeLessThan(version === 'HTTP/2' ? 300_000 : 5 << 20);
    settled(bed, answer);
    expect([at, answer.body]).toEqual([SIZE, String(SIZE)]);
  });

  it('is over when the client goes away, and the endpoint hears nothing of it', () => {
    const seen: Seen[] = [];
    const bed = start({
      endpoints: { 'cart-1': application(version, { onRequest: (one) => seen.push(one) }) },
      routes: [{ fault: delay(), action: FORWARD }],
    });
    const answer = new Client(bed, version).send({ ':method': 'POST' }, 'half', true);
    bed.loop.pass(20);
    answer.exchange?.reset(8);
    bed.loop.until(() => bed.lines().some((line) => line.includes(' 0 DI,DC downstream_remote_disconnect ')));
    bed.loop.pass(DELAY_MS + 50);
    expect([seen.length, bed.endpoint('cart-1').tunnels]).toEqual([0, 0]);
    expect(bed.lines()).toHaveLength(1);
  });

  it('does not use up the time of the route', () => {
    const bed = start({
      endpoints: { 'cart-1': answering(version, 200, 'in time') },
      routes: [{ fault: delay(200), action: { ...FORWARD, timeoutMs: 100 } }],
    });
    const client = new Client(bed, version);
    expect(settled(bed, client.send({})).body).toBe('in time');
    expect(settled(bed, client.send({ ':method': 'POST' }, 'body')).body).toBe('in time');
  });

  it('leaves the time of the route to be over after it', () => {
    const bed = start({
      endpoints: { 'cart-1': application(version, {}) },
      routes: [{ fault: delay(100), action: { ...FORWARD, timeoutMs: 100 } }],
    });
    const { answer, milliseconds } = timed(bed, () => new Client(bed, version).send({ ':method': 'POST' }, 'body'));
    expect(answer.status).toBe(504);
    expect(milliseconds).toBeGreaterThanOrEqual(198);
    expect(bed.lines().join('\n')).toContain(' 504 UT,DI response_timeout ');
  });

  it('comes before the abort, and both are told', () => {
    const bed = start({
      endpoints: { 'cart-1': answering(version, 200, 'hello') },
      routes: [{ fault: { ...delay(), abort: abort('http', 503) }, action: FORWARD }],
    });
    const { answer, milliseconds } = timed(bed, () => new Client(bed, version).send({}));
    expect([answer.status, answer.body, bed.endpoint('cart-1').tunnels]).toEqual([503, 'fault filter abort', 0]);
    expect(milliseconds).toBeGreaterThanOrEqual(DELAY_MS - 1);
    expect(bed.lines().join('\n')).toContain(' 503 DI,FI fault_filter_abort ');
    expect(counted(bed)).toContain('"DI,FI"');
  });

  it('delays redirects and answers of the route alike', () => {
    const bed = start({ endpoints: {}, routes: [{ fault: delay(), action: { kind: 'redirect', hostname: 'o' } }] });
    const { answer, milliseconds } = timed(bed, () => new Client(bed, version).send({ ':method': 'POST' }, 'body'));
    expect(answer.status).toBe(302);
    expect(milliseconds).toBeGreaterThanOrEqual(DELAY_MS - 1);
  });
});

const SIZE = 16 << 20;

describe('a delay', () => {
  it('of one request holds up no other of the connection', () => {
    const slow = { kind: 'exact', text: '/slow', ignoreCase: false } as const;
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/2', 200, 'hello') },
      routes: [{ matches: [{ path: slow }], fault: delay(1_000), action: FORWARD }, { action: FORWARD }],
    });
    const client = new Client(bed, 'HTTP/2');
    const held = client.send({ ':path': '/slow', ':method': 'POST' }, 'body', true);
    const { answer, milliseconds } = timed(bed, () => client.send({}));
    expect([answer.body, held.settled]).toEqual(['hello', false]);
    expect(milliseconds).toBeLessThan(500);
    held.exchange?.reset(8);
  });

  it('of a gRPC call does not use up its deadline, which the client keeps itself', () => {
    const bed = start({
      protocol: 'http2',
      endpoints: { 'cart-1': answering('HTTP/2', 200, 'in time', ['grpc-status', '0']) },
      routes: [{ fault: delay(200), action: FORWARD }],
    });
    const call = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers', 'grpc-timeout': '100m' };
    expect(settled(bed, new Client(bed, 'HTTP/2').send(call, 'message')).body).toBe('in time');
  });
});

describe('an abort', () => {
  it.each<[string, Fault['abort'], string, string[]]>([
    ['by HTTP to HTTP', abort('http', 555), '', [':status', '555']],
    ['by gRPC to HTTP', abort('grpc', 8), '', [':status', '429']],
    ['by HTTP to gRPC', abort('http', 503), 'application/grpc', [':status', '200', 'grpc-status', '14']],
    ['by gRPC to gRPC', abort('grpc', 5), 'application/grpc+proto', [':status', '200', 'grpc-status', '5']],
  ])('%s has its status, and no endpoint sees the request', (_case, of, contentType, expected) => {
    const bed = start({
      protocol: 'http2',
      endpoints: { 'cart-1': answering('HTTP/2', 200, 'hello') },
      routes: [{ fault: { delay: null, abort: of }, action: FORWARD }],
    });
    const type = contentType.length === 0 ? {} : { 'content-type': contentType, te: 'trailers' };
    const answer = settled(bed, new Client(bed, 'HTTP/2').send({ ':method': 'POST', ...type }, 'message'));
    for (let at = 0; at < expected.length; at += 2) expect(answer.field(expected[at] ?? '')).toBe(expected[at + 1]);
    // A call is over with its head.
    expect(answer.body).toBe(contentType.length === 0 ? 'fault filter abort' : '');
    expect([answer.trailers, bed.endpoint('cart-1').tunnels]).toEqual([undefined, 0]);
    expect(bed.lines().join('\n')).toContain(` ${answer.status} FI fault_filter_abort `);
    expect(counted(bed)).toContain('"FI"');
  });

  it('spares the share that is not asked for', () => {
    const bed = start({
      endpoints: { 'cart-1': answering('HTTP/1.1', 200, 'hello') },
      routes: [{ fault: { delay: null, abort: { kind: 'http', status: 503, perMillion: 200_000 } }, action: FORWARD }],
    });
    const client = new Client(bed, 'HTTP/1.1');
    let aborted = 0;
    for (let count = 0; count < 300; count++) aborted += Number(settled(bed, client.send({})).status === 503);
    // Five standard deviations of 300 draws at 20 %.
    expect(aborted).toBeGreaterThan(25);
    expect(aborted).toBeLessThan(95);
  });
});
