import { MetricsAggregate } from '@ambit/telemetry/aggregate';
import { renderMetrics } from '@ambit/telemetry/exposition';
import { OUTCOMES_PER_SERIES } from '@ambit/telemetry/limits';
import { REQUEST_FAMILIES } from '@ambit/telemetry/request-families';
import { MESSAGE_LABELS } from '@ambit/telemetry/request-labels';
import { requestSamples } from '@ambit/telemetry/request-snapshot';
import { describe, expect, it } from 'vitest';
import { application, Client, respond, type Seen } from './test-application.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

const CALL = { ':method': 'POST', ':path': '/cart.Cart/Do', 'content-type': 'application/grpc', te: 'trailers' };
const HEAD = [':status', '200', 'content-type', 'application/grpc+proto'];
const REQUESTS = 'istio_request_messages_total';
const RESPONSES = 'istio_response_messages_total';

/** A message as gRPC frames it. */
function framed(text: string): Buffer {
  const length = Buffer.alloc(5);
  length.writeUInt32BE(text.length, 1);
  return Buffer.concat([length, Buffer.from(text, 'latin1')]);
}

function messages(texts: readonly string[]): string {
  return Buffer.concat(texts.map((text) => framed(text))).toString('latin1');
}

function say({ exchange }: Pick<Seen, 'exchange'>, content: string): void {
  const bytes = Buffer.from(content, 'latin1');
  expect(exchange.sendData(bytes, 0, bytes.length, false)).toBe(bytes.length);
}

function serving(serve: (seen: Seen) => void, onComplete: (seen: Seen) => void = () => undefined): TestWaypoint {
  return start({ protocol: 'http2', endpoints: { 'cart-1': application('HTTP/2', { onRequest: serve, onComplete }) } });
}

function ask(bed: TestWaypoint, fields: Readonly<Record<string, string>>, body: string): void {
  const answer = new Client(bed, 'HTTP/2').send(fields, body);
  bed.loop.until(() => answer.settled);
}

interface Line {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a scrape says of one family. */
function scraped(bed: TestWaypoint, name: string): Line[] {
  const aggregate = new MetricsAggregate(REQUEST_FAMILIES);
  aggregate.update('0', requestSamples(bed.thread.metrics.snapshot().requests));
  return renderMetrics(aggregate.collect())
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .map((line) => ({
      labels: Object.fromEntries(
        Array.from(line.matchAll(/(\w+)="([^"]*)"/g), ([, key = '', text = '']) => [key, text]),
      ),
      value: Number(line.slice(line.lastIndexOf(' ') + 1)),
    }));
}

/** Messages to the server and back. */
function counted(bed: TestWaypoint): number[] {
  return [REQUESTS, RESPONSES].map((name) => scraped(bed, name).reduce((sum, { value }) => sum + value, 0));
}

describe('the messages of a gRPC call', () => {
  it.each([
    ['unary', ['ask'], ['answer']],
    ['of many messages and one answer', ['a', '', 'c'], ['answer']],
    ['of one message and many answers', ['ask'], ['1', '2', '3']],
    ['of large messages', ['a'.repeat(20_000), 'b'.repeat(20_000)], ['c'.repeat(40_000)]],
    ['without any', [], []],
  ])('are counted both ways (%s)', (_, asked, answers) => {
    const bed = serving(
      () => undefined,
      (one) => {
        one.exchange.respond(HEAD, false);
        if (answers.length > 0) say(one, messages(answers));
        one.exchange.sendTrailers(['grpc-status', '0']);
      },
    );
    ask(bed, CALL, messages(asked));
    expect(counted(bed)).toEqual([asked.length, answers.length]);
    ask(bed, CALL, messages(asked));
    expect(counted(bed)).toEqual([2 * asked.length, 2 * answers.length]);
  });

  it('are counted under Istio’s labels of who calls whom, and none of what came of it', () => {
    const bed = serving(
      () => undefined,
      (one) => {
        one.exchange.respond(HEAD, false);
        say(one, messages(['answer']));
        one.exchange.sendTrailers(['grpc-status', '0']);
      },
    );
    ask(bed, CALL, messages(['ask']));
    for (const name of [REQUESTS, RESPONSES]) {
      const [line, ...others] = scraped(bed, name);
      expect(others).toEqual([]);
      expect(Object.keys(line?.labels ?? {})).toEqual(MESSAGE_LABELS);
      expect(line?.labels).toMatchObject({
        reporter: 'waypoint',
        source_principal: 'spiffe://cluster.local/ns/shop/sa/web',
        destination_workload: 'cart-1',
        destination_service: 'cart.shop.svc.cluster.local',
      });
    }
    expect(scraped(bed, 'istio_requests_total')[0]?.labels).toMatchObject({ request_protocol: 'grpc' });
  });

  it('are counted while it lasts, and not again when it ends', () => {
    const seen: Seen[] = [];
    const bed = serving((one) => {
      seen.push(one);
      one.exchange.respond(HEAD, false);
      say(one, messages(['welcome']));
    });
    const answer = new Client(bed, 'HTTP/2').send(CALL, undefined, true);
    bed.loop.until(() => answer.body !== '');
    expect(counted(bed)).toEqual([0, 1]);
    const [one] = seen;
    if (one === undefined) throw new Error('no call');
    for (const [index, text] of ['a', 'b', 'c'].entries()) {
      const bytes = framed(text);
      answer.exchange?.sendData(bytes, 0, bytes.length, false);
      bed.loop.until(() => one.body === messages(['a', 'b', 'c'].slice(0, index + 1)));
      expect(counted(bed)).toEqual([index + 1, 1]);
    }
    answer.exchange?.reset(8);
    bed.loop.until(() => bed.lines().length > 0);
    expect(counted(bed)).toEqual([3, 1]);
    expect(bed.thread.metrics.calls.size).toBe(0);
  });

  it('are none of an answer that is not gRPC, nor of a request that is not', () => {
    const bed = serving(
      () => undefined,
      (one) => {
        respond(one, 200, messages(['looks', 'like', 'it']), ['content-type', 'text/html']);
      },
    );
    ask(bed, CALL, messages(['ask']));
    expect(counted(bed)).toEqual([1, 0]);
    ask(bed, { ...CALL, 'content-type': 'application/json' }, messages(['ask']));
    expect(counted(bed)).toEqual([1, 0]);
  });

  it('are none where no endpoint is asked', () => {
    const bed = start({ protocol: 'http2', endpoints: {} });
    ask(bed, CALL, messages(['ask']));
    expect(counted(bed)).toEqual([0, 0]);
    expect(scraped(bed, 'istio_requests_total').map(({ value }) => value)).toEqual([1]);
  });
});

describe('a backend that says what it likes', () => {
  it.each([
    ['0', '0'],
    ['16', '16'],
    ['17', '2'],
    ['4294967296', '2'],
    ['0.5', '2'],
    ['-1', '2'],
    ['1e0', '2'],
    ['0x5', '2'],
    ['OK', '2'],
    ['', '2'],
  ])('is counted under a status that gRPC knows: %j is %s', (said, status) => {
    const bed = serving(
      () => undefined,
      ({ exchange }) => {
        exchange.respond([...HEAD, 'grpc-status', said], true);
      },
    );
    ask(bed, CALL, messages(['ask']));
    expect(scraped(bed, 'istio_requests_total').map(({ labels }) => labels['grpc_response_status'])).toEqual([status]);
  });

  // Cardinality: fault 83 of the reliability reference.
  it('does not grow the metrics with statuses of HTTP and of gRPC', () => {
    let answered = 0;
    const bed = serving(
      () => undefined,
      ({ exchange }) => {
        // Each status of HTTP, and with each of many another one of gRPC.
        const status = 200 + (answered % 400);
        const said = ['-1', `0.${answered}`, String(answered), `x${answered}`, `${answered}e-3`];
        exchange.respond(
          [':status', String(status), 'content-type', 'application/grpc', 'grpc-status', said[answered % 5] ?? ''],
          true,
        );
        answered += 1;
      },
    );
    const client = new Client(bed, 'HTTP/2');
    const calls = 1_000;
    for (let count = 0; count < calls; count += 1) {
      const answer = client.send(CALL, messages(['ask']));
      bed.loop.until(() => answer.settled);
    }
    const lines = scraped(bed, 'istio_requests_total');
    expect(answered).toBe(calls);
    expect(lines.reduce((sum, { value }) => sum + value, 0)).toBe(calls);
    expect(lines.length).toBeLessThanOrEqual(OUTCOMES_PER_SERIES + 10);
    // What a data thread keeps is bounded as what it tells is.
    expect(bed.thread.metrics.snapshot().requests.outcomes.length / 4).toBe(lines.length);
    expect(scraped(bed, REQUESTS).map(({ value }) => value)).toEqual([calls]);
  });
});
