import { describe, expect, it } from 'vitest';
import { application, Client, requestFields, respond, type Seen } from './test-application.ts';
import { start as startWaypoint } from './test-start.ts';
import { clusterName } from './test-models.ts';
import type { TestWaypoint } from './test-waypoint.ts';

/** Fields of about this size in all. */
function large(size: number): string[] {
  return Array.from({ length: size / 1_000 }, (_, at) => [`x-${at}`, 'v'.repeat(960)]).flat();
}

const RETRY = {
  retries: 2,
  perTryTimeoutMs: 0,
  backoffBaseMs: 1,
  conditions: ['5xx', 'reset'],
  statusCodes: [],
  ignorePreviousEndpoints: false,
  remoteLocalities: false,
} as const;

/** A waypoint in front of an endpoint that speaks HTTP/2, says whatever it likes and does with requests what `serve` says. */
function start(serve: (seen: Seen, path: string) => void, takes?: number): TestWaypoint {
  // What an endpoint would not take is not tried again either.
  const retry = takes === undefined ? null : RETRY;
  return startWaypoint({
    protocol: 'http2',
    routes: [
      {
        name: 'all',
        matches: [],
        action: { kind: 'forward', destinations: [{ cluster: clusterName(), weight: 1 }], timeoutMs: 0, retry },
      },
    ],
    endpoints: {
      'cart-1': application('HTTP/2', {
        heedless: true,
        ...(takes === undefined ? {} : { takes }),
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

describe('an endpoint that takes heads of 4 KB', () => {
  const answer = (seen: Seen): void => {
    respond(seen, 200, 'ok');
  };

  it.each(['HTTP/1.1', 'HTTP/2'] as const)('sees no larger one: its client of %s gets 431', (version) => {
    const seen: string[] = [];
    const bed = start((one, path) => {
      seen.push(path);
      answer(one);
    }, 4_000);
    const client = new Client(bed, version);
    const send = (path: string, more: readonly string[]) => {
      const one = client.sendFields([...requestFields({ ':path': path }), ...more]);
      bed.loop.until(() => one.settled);
      return one;
    };
    // What it takes is known once the connection to it is there.
    expect(send('/first', []).status).toBe(200);
    const bad = send('/large', large(5_000));
    expect([bad.status, bad.reset]).toEqual([431, undefined]);
    expect(bed.lines().at(-1)).toContain(' DPE request_headers_too_large ');
    expect(bed.lines().at(-1)).toContain('AMBIT_HTTP_TOO_LARGE');
    expect(send('/next', large(2_000)).status).toBe(200);
    expect(seen).toEqual(['/first', '/next']);
  });

  it('gets no larger trailers: the client gets 431', () => {
    const seen: Seen[] = [];
    const bed = start((one) => {
      seen.push(one);
      answer(one);
    }, 4_000);
    const client = new Client(bed, 'HTTP/2');
    const first = client.send({});
    bed.loop.until(() => first.settled);
    const bad = client.send({ ':method': 'POST' }, 'content', true);
    bad.exchange?.sendTrailers(large(5_000));
    bed.loop.until(() => bad.settled);
    expect([bad.status, seen.length]).toEqual([431, 1]);
    const next = client.send({});
    bed.loop.until(() => next.settled);
    expect(next.status).toBe(200);
  });
});

describe('a client that takes heads of 4 KB', () => {
  it.each<[string, (seen: Seen) => void, number, string]>([
    [
      'gets 502 in place of a larger one',
      (seen) => {
        respond(seen, 200, 'ok', large(5_000));
      },
      502,
      ' UPE upstream_reset_before_response_started{protocol_error} ',
    ],
    [
      'loses an answer with larger trailers',
      (seen) => {
        seen.exchange.respond([':status', '200'], false);
        seen.exchange.sendTrailers(large(5_000));
      },
      200,
      ' UPE response_trailers_too_large ',
    ],
  ])('%s, and nothing else', (_, serve, status, logged) => {
    const waiting: Seen[] = [];
    const bed = start((seen, path) => {
      if (path === '/slow') waiting.push(seen);
      else serve(seen);
    });
    const client = new Client(bed, 'HTTP/2', undefined, undefined, 4_000);
    const slow = client.send({ ':path': '/slow' });
    bed.loop.until(() => waiting.length === 1);
    const bad = client.send({ ':path': '/large' });
    bed.loop.until(() => bad.settled);
    expect([bad.status, bad.reset?.cause]).toEqual([status, status === 200 ? 'peer' : undefined]);
    expect(bed.lines().at(-1)).toContain(logged);
    for (const one of waiting) respond(one, 200, 'late');
    bed.loop.until(() => slow.settled);
    expect([slow.status, slow.body]).toEqual([200, 'late']);
  });

  it('and takes none at all is told nothing, and costs nobody anything', () => {
    const bed = start((seen) => {
      respond(seen, 200, 'ok');
    });
    const bad = new Client(bed, 'HTTP/2', undefined, undefined, 10).send({});
    const other = new Client(bed, 'HTTP/2').send({});
    bed.loop.until(() => bad.settled && other.settled);
    expect([bad.reset?.cause, bad.status, other.status]).toEqual(['peer', 0, 200]);
  });
});
