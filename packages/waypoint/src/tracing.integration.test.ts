import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@ambit/core/clock';
import { createPlainLog } from '@ambit/core/plain-log';
import { fieldValue } from '@ambit/http/h2/message-fields';
import { Metrics } from '@ambit/telemetry/metrics';
import type { TraceCollector, Tracing } from '@ambit/traffic/model/telemetry';
import { afterEach, describe, expect, it } from 'vitest';
import { Spans } from './control/spans.ts';
import { SPAN_REPORTS, SPANS_GATHERED, SPANS_QUEUED } from './limits.ts';
import { type Answer, answering, application, Client, respond, type Seen } from './test-application.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const COLLECTOR: TraceCollector = { name: 'them', protocol: 'otlp', host: '127.0.0.1', port: 1, path: '/v1/traces' };
const ALWAYS: Tracing = {
  collector: COLLECTOR,
  sampledPerMillion: 1_000_000,
  tags: [],
  meshTags: true,
  serviceName: 'cart.shop',
};
const VERSIONS = ['HTTP/1.1', 'HTTP/2'] as const;

function send(
  bed: TestWaypoint,
  fields: Record<string, string> = {},
  version: (typeof VERSIONS)[number] = 'HTTP/1.1',
): Answer {
  const answer = new Client(bed, version).send(fields);
  bed.loop.until(() => answer.settled);
  return answer;
}

/** A waypoint before an endpoint that notes what it gets. */
function tracing(
  fields: Partial<Tracing>,
  version: (typeof VERSIONS)[number] = 'HTTP/1.1',
): { readonly bed: TestWaypoint; readonly seen: Seen[] } {
  const seen: Seen[] = [];
  const endpoint = answering(version, 200, (one) => {
    seen.push(one);
    return 'it';
  });
  return {
    bed: start({
      endpoints: { 'cart-1': endpoint },
      protocol: version === 'HTTP/2' ? 'http2' : 'http1',
      telemetry: { tracing: { ...ALWAYS, ...fields } },
    }),
    seen,
  };
}

function got(seen: readonly Seen[], name: string): (string | undefined)[] {
  return seen.map(({ fields }) => fieldValue(fields, name));
}

function tag(span: { readonly tags: readonly string[] } | undefined, name: string): string | undefined {
  const at = span?.tags.findIndex((text, index) => index % 2 === 0 && text === name) ?? -1;
  return at < 0 ? undefined : span?.tags[at + 1];
}

describe.each(VERSIONS)('a traced request in %s', (version) => {
  it('has a span for the request and one for its try, and the endpoint is told of the latter', () => {
    const { bed, seen } = tracing({}, version);
    send(bed, { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: 'a=b', ':path': '/x?y' }, version);
    const spans = bed.traced().map(({ span }) => span);
    const [client, server] = [spans.find(({ kind }) => kind === 'client'), spans.find(({ kind }) => kind === 'server')];
    expect(spans).toHaveLength(2);
    expect(server).toMatchObject({ traceId: TRACE, parentId: PARENT, service: 'cart.shop', failed: false });
    expect(client).toMatchObject({ traceId: TRACE, parentId: server?.spanId, failed: false });
    expect(got(seen, 'traceparent')).toEqual([`00-${TRACE}-${client?.spanId ?? ''}-01`]);
    expect(got(seen, 'tracestate')).toEqual(['a=b']);
    expect(tag(server, 'http.status_code')).toBe('200');
    expect(tag(server, 'http.url')).toMatch(/\/x\?y$/);
    expect(tag(server, 'istio.source_workload')).toBeDefined();
    // Log, trace and metric of one request agree.
    expect(bed.lines()[0]).toContain(` trace_id="${TRACE}"`);
    expect(bed.lines()[0]).toContain(`"${tag(server, 'guid:x-request-id') ?? ''}"`);
  });
});

describe('the decision to sample', () => {
  it.each<[string, Record<string, string>, number, number, RegExp]>([
    ['is that of the client, whatever the share', { traceparent: `00-${TRACE}-${PARENT}-01` }, 0, 2, /-01$/],
    ['is that of the client when it is no', { traceparent: `00-${TRACE}-${PARENT}-00` }, 1_000_000, 0, /-00$/],
    ['is that of B3 alone', { b3: '0' }, 1_000_000, 0, /-00$/],
    ['is drawn where nobody has decided', {}, 1_000_000, 2, /-01$/],
    ['is drawn, and goes on when it is no', {}, 0, 0, /-00$/],
  ])('%s', (_, fields, sampledPerMillion, spans, flags) => {
    const { bed, seen } = tracing({ sampledPerMillion });
    send(bed, fields);
    expect(bed.traced()).toHaveLength(spans);
    expect(got(seen, 'traceparent')[0]).toMatch(flags);
  });

  it('is drawn once for all tries, each of which has its own span', () => {
    const seen: Seen[] = [];
    const failing = application('HTTP/1.1', {
      onComplete: (one) => {
        seen.push(one);
        respond(one, seen.length < 3 ? 503 : 200, 'it');
      },
    });
    const retry = {
      ...{ retries: 2, statusCodes: [], perTryTimeoutMs: 0, backoffBaseMs: 1 },
      conditions: ['5xx' as const],
      remoteLocalities: false,
      ignorePreviousEndpoints: true,
    };
    const bed = start({
      endpoints: { 'cart-1': failing },
      action: { retry },
      telemetry: { tracing: { ...ALWAYS, sampledPerMillion: 500_000 } },
    });
    bed.random = () => 0.4;
    expect(send(bed).status).toBe(200);
    const spans = bed.traced().map(({ span }) => span);
    const tries = spans.filter(({ kind }) => kind === 'client');
    expect(tries.map((span) => [span.failed, tag(span, 'http.status_code')])).toEqual([
      [true, '503'],
      [true, '503'],
      [false, '200'],
    ]);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(got(seen, 'traceparent').map((text) => text?.split('-')[2])).toEqual(tries.map(({ spanId }) => spanId));
  });
});

describe('context that endpoints get', () => {
  it.each<[string, 'otlp' | 'zipkin', Record<string, string>, string[]]>([
    ['W3C for OpenTelemetry', 'otlp', {}, ['traceparent']],
    ['B3 for Zipkin', 'zipkin', {}, ['x-b3-sampled', 'x-b3-spanid', 'x-b3-traceid']],
    ['also what came: B3 in one field', 'otlp', { b3: `${TRACE}-${PARENT}-1` }, ['b3', 'traceparent']],
    [
      'also what came: W3C before Zipkin',
      'zipkin',
      { traceparent: `00-${TRACE}-${PARENT}-01` },
      ['traceparent', 'x-b3-sampled', 'x-b3-spanid', 'x-b3-traceid'],
    ],
    ['nothing of what is malformed', 'otlp', { traceparent: 'no', 'x-b3-parentspanid': PARENT }, ['traceparent']],
  ])('%s', (_, protocol, fields, names) => {
    const { bed, seen } = tracing({ collector: { ...COLLECTOR, protocol } });
    send(bed, fields);
    const sent = (seen[0]?.fields ?? []).filter((text, at) => at % 2 === 0 && /^(b3|trace|x-b3)/.test(text));
    expect([...sent].sort()).toEqual(names);
    if (fields['traceparent'] !== 'no' && names.length > 1 && Object.keys(fields).length > 0) {
      const [told] = bed.traced();
      expect(told?.span.traceId).toBe(TRACE);
    }
  });

  it('is what came where no span is sent, and the log names the trace', () => {
    const { bed, seen } = tracing({ collector: null });
    const traceparent = `00-${TRACE}-${PARENT}-01`;
    send(bed, { traceparent });
    expect(got(seen, 'traceparent')).toEqual([traceparent]);
    expect(bed.traced()).toEqual([]);
    expect(bed.lines()[0]).toContain(` trace_id="${TRACE}"`);
  });

  it('is what came where nobody has asked for traces', () => {
    const bed = start({ endpoints: { 'cart-1': answering('HTTP/1.1', 200, () => 'it') } });
    send(bed, { traceparent: `00-${TRACE}-${PARENT}-01` });
    expect(bed.traced()).toEqual([]);
    expect(bed.lines()[0]).not.toContain('trace_id');
  });
});

describe('tags of spans', () => {
  it.each<[string, Tracing['tags'][number], string | undefined]>([
    ['literal', { name: 'it', source: 'literal', text: 'a', defaultValue: '' }, 'a'],
    ['header', { name: 'it', source: 'header', text: 'x-team', defaultValue: 'none' }, 'checkout'],
    ['header that is not there', { name: 'it', source: 'header', text: 'x-other', defaultValue: 'none' }, 'none'],
    ['nothing', { name: 'it', source: 'header', text: 'x-other', defaultValue: '' }, undefined],
    ['environment', { name: 'it', source: 'environment', text: 'ZONE', defaultValue: '' }, 'a-1'],
    [
      'format',
      { name: 'it', source: 'formatter', text: '%REQ(X-TEAM)% %RESPONSE_CODE% %TRACE_ID%!', defaultValue: '' },
      expect.stringMatching(/^checkout 200 [0-9a-f]{32}!$/) as string,
    ],
    ['environment that is not there', { name: 'it', source: 'environment', text: 'Y', defaultValue: 'b' }, 'b'],
  ])('%s', (_, one, value) => {
    const { bed } = tracing({ tags: [one] });
    send(bed, { 'x-team': 'checkout' });
    expect(tag(bed.traced().find(({ span }) => span.kind === 'server')?.span, 'it')).toEqual(value);
  });

  it('say nothing of workloads when that is not wanted', () => {
    const { bed } = tracing({ meshTags: false });
    send(bed);
    expect(JSON.stringify(bed.traced())).not.toContain('istio.');
  });
});

describe('a thread whose main thread does not take spans', () => {
  it('drops and counts what is too much, and serves on', () => {
    const { bed } = tracing({});
    const { spans } = bed.thread.tracer;
    send(bed);
    const span = bed.traced()[0]?.span;
    if (span === undefined) throw new Error('no span');
    // One report is out already.
    const room = SPAN_REPORTS * SPANS_GATHERED;
    for (let count = 0; count < room + 7; count++) spans.add(COLLECTOR, span);
    const counted = bed.thread.metrics.snapshot().counters.find(({ name }) => name === 'ambit_spans_dropped_total');
    expect(counted?.samples).toEqual([{ labels: ['them', 'thread'], values: [7] }]);
    expect(send(bed).status).toBe(200);
  });
});

interface Received {
  readonly path: string | undefined;
  readonly type: string | undefined;
  readonly body: unknown;
}

const servers = new Set<Server>();

afterEach(() => {
  for (const server of servers) server.close();
  servers.clear();
});

/** A receiver of the protocol, which answers with these statuses by turns, the last of them for ever. */
async function receiver(
  ...statuses: readonly number[]
): Promise<{ readonly port: number; readonly received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      response.statusCode = statuses[Math.min(received.length, statuses.length - 1)] ?? 200;
      received.push({
        path: request.url,
        type: request.headers['content-type'],
        body: JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown,
      });
      response.end('{}');
    });
  });
  servers.add(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, received };
}

function exporting(): { readonly spans: Spans; readonly counted: () => Record<string, number> } {
  const metrics = new Metrics();
  return {
    spans: new Spans(systemClock, createPlainLog('test', { level: 'silent' }), metrics),
    counted: () =>
      Object.fromEntries(
        metrics
          .snapshot()
          .flatMap(({ name, samples }) =>
            samples.map(({ labels, values }): [string, number] => [[name, ...labels].join(' '), values[0] ?? 0]),
          ),
      ),
  };
}

describe('a collector', () => {
  it('of OpenTelemetry gets both spans of a request as OTLP', async () => {
    const { port, received } = await receiver(200);
    const { bed } = tracing({ collector: { ...COLLECTOR, port } });
    send(bed, { traceparent: `00-${TRACE}-${PARENT}-01` });
    const { spans, counted } = exporting();
    spans.take(bed.traced());
    await spans.close(5_000);
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({
      path: '/v1/traces',
      type: 'application/json',
      body: {
        resourceSpans: [
          {
            resource: { attributes: [{ key: 'service.name', value: { stringValue: 'cart.shop' } }] },
            scopeSpans: [
              {
                spans: [
                  { traceId: TRACE, kind: 3 },
                  { traceId: TRACE, parentSpanId: PARENT, kind: 2 },
                ],
              },
            ],
          },
        ],
      },
    });
    expect(JSON.stringify(received[0]?.body)).toMatch(/"startTimeUnixNano":"1\d{18}"/);
    expect(counted()).toEqual({ 'ambit_spans_sent_total them': 2 });
  });

  it('of Zipkin gets both spans of a request as its API has them', async () => {
    const { port, received } = await receiver(202);
    const { bed } = tracing({ collector: { ...COLLECTOR, protocol: 'zipkin', port, path: '/api/v2/spans' } });
    send(bed, { b3: `${TRACE}-${PARENT}-1` });
    const { spans } = exporting();
    spans.take(bed.traced());
    await spans.close(5_000);
    const [{ body, path } = { body: undefined, path: undefined }] = received;
    expect(path).toBe('/api/v2/spans');
    expect(body).toMatchObject([
      { traceId: TRACE, kind: 'CLIENT', localEndpoint: { serviceName: 'cart.shop' } },
      { traceId: TRACE, parentId: PARENT, kind: 'SERVER', tags: { component: 'proxy', 'http.status_code': '200' } },
    ]);
  });

  it.each<[string, number[], Record<string, number>, number]>([
    ['that is busy is asked again', [503, 200], { 'ambit_spans_sent_total them': 2 }, 2],
    ['that refuses is not asked again', [400], { 'ambit_spans_dropped_total them refused': 2 }, 1],
    ['that stays busy loses them, counted', [503], { 'ambit_spans_dropped_total them unreachable': 2 }, 3],
  ])('%s', async (_, statuses, expected, times) => {
    const { port, received } = await receiver(...statuses);
    const { bed } = tracing({ collector: { ...COLLECTOR, port } });
    send(bed);
    const { spans, counted } = exporting();
    spans.take(bed.traced());
    await spans.close(10_000);
    expect(counted()).toEqual(expected);
    expect(received).toHaveLength(times);
  });

  it('that is not there loses what does not fit the queue, counted', async () => {
    const { bed } = tracing({});
    send(bed);
    const [traced] = bed.traced();
    if (traced === undefined) throw new Error('no span');
    const { spans, counted } = exporting();
    spans.take(Array.from({ length: SPANS_QUEUED + 5 }, () => traced));
    await spans.close(1);
    expect(counted()).toEqual({ 'ambit_spans_dropped_total them queue': 5 });
  });
});
