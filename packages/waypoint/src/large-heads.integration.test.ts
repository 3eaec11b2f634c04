import { describe, expect, it } from 'vitest';
import { application, Client, respond, type Seen } from './test-application.ts';
import { start as startWaypoint } from './test-start.ts';
import { clusterName, type TestWaypoint } from './test-waypoint.ts';

/** Fields of about this size in all. */
function large(size: number): string[] {
  return Array.from({ length: size / 1_000 }, (_, at) => [`x-${at}`, 'v'.repeat(960)]).flat();
}

/** A waypoint in front of an endpoint that speaks HTTP/2, says whatever it likes and does with requests what `serve` says. */
function start(serve: (seen: Seen, path: string) => void): TestWaypoint {
  return startWaypoint({
    protocol: 'http2',
    routes: [
      {
        name: 'all',
        matches: [],
        action: { kind: 'forward', destinations: [{ cluster: clusterName(), weight: 1 }], timeoutMs: 0, retry: null },
      },
    ],
    endpoints: {
      'cart-1': application('HTTP/2', {
        heedless: true,
        onComplete: (seen) => {
          serve(seen, seen.fields[seen.fields.indexOf(':path') + 1] ?? '');
        },
      }),
    },
  });
}

describe('an endpoint that speaks HTTP/2', () => {
  it.each([70, 120, 250])('fails its request alone with a head of %i KB', (size) => {
    const waiting: Seen[] = [];
    const bed = start((seen, path) => {
      if (path === '/slow') waiting.push(seen);
      else respond(seen, 200, 'ok', path === '/large' ? large(size * 1_000) : []);
    });
    const client = new Client(bed, 'HTTP/2');
    const slow = client.send({ ':path': '/slow' });
    bed.loop.until(() => waiting.length === 1);
    const bad = client.send({ ':path': '/large' });
    bed.loop.until(() => bad.settled);
    expect([bad.status, bad.reset]).toEqual([502, undefined]);
    expect(bed.lines().at(-1)).toContain(' UPE upstream_reset_before_response_started{protocol_error} ');
    const next = client.send({ ':path': '/next' });
    for (const one of waiting) respond(one, 200, 'late');
    bed.loop.until(() => slow.settled && next.settled);
    expect([slow.status, slow.body, next.status]).toEqual([200, 'late', 200]);
  });

  it('is heard with a head of 60 KB', () => {
    const bed = start((seen) => {
      respond(seen, 200, 'ok', large(60_000));
    });
    const answer = new Client(bed, 'HTTP/2').send({});
    bed.loop.until(() => answer.settled);
    expect([answer.status, answer.field('x-59')?.length]).toEqual([200, 960]);
  });

  it('cuts its answer alone with trailers of 120 KB', () => {
    const waiting: Seen[] = [];
    const bed = start((seen, path) => {
      if (path === '/slow') {
        waiting.push(seen);
        return;
      }
      seen.exchange.respond([':status', '200'], false);
      seen.exchange.sendTrailers(large(120_000));
    });
    const client = new Client(bed, 'HTTP/2');
    const slow = client.send({ ':path': '/slow' });
    bed.loop.until(() => waiting.length === 1);
    const bad = client.send({ ':path': '/large' });
    bed.loop.until(() => bad.settled);
    expect([bad.status, bad.reset?.cause]).toEqual([200, 'peer']);
    for (const one of waiting) respond(one, 200, 'late');
    bed.loop.until(() => slow.settled);
    expect([slow.status, slow.body]).toEqual([200, 'late']);
  });
});
