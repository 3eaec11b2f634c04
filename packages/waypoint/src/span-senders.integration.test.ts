import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { systemClock } from '@ambit/core/clock';
import { createPlainLog } from '@ambit/core/plain-log';
import {
  type ExportTraceServiceRequest,
  ExportTraceServiceRequestSchema,
  type ExportTraceServiceResponse,
  ExportTraceServiceResponseSchema,
} from '@ambit/proto/otlp';
import { Metrics } from '@ambit/telemetry/metrics';
import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { Spans } from './control/spans.ts';
import type { TracedSpan } from './messages.ts';

const CALL = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

const servers = new Set<Server>();

afterEach(() => {
  for (const server of servers) server.forceShutdown();
  servers.clear();
});

/** A collector that answers with these statuses by turns, the last of them for ever. */
async function collector(...statuses: readonly status[]): Promise<{ port: number; took: ExportTraceServiceRequest[] }> {
  const took: ExportTraceServiceRequest[] = [];
  const server = new Server();
  servers.add(server);
  server.addService(
    {
      Export: {
        path: CALL,
        requestStream: false,
        responseStream: false,
        requestSerialize: (message: ExportTraceServiceRequest) =>
          Buffer.from(toBinary(ExportTraceServiceRequestSchema, message)),
        requestDeserialize: (bytes) => fromBinary(ExportTraceServiceRequestSchema, bytes),
        responseSerialize: (message: ExportTraceServiceResponse) =>
          Buffer.from(toBinary(ExportTraceServiceResponseSchema, message)),
        responseDeserialize: (bytes) => fromBinary(ExportTraceServiceResponseSchema, bytes),
      },
    },
    {
      Export: (
        { request }: ServerUnaryCall<ExportTraceServiceRequest, ExportTraceServiceResponse>,
        answer: sendUnaryData<ExportTraceServiceResponse>,
      ) => {
        const code = statuses[Math.min(took.length, statuses.length - 1)] ?? status.OK;
        took.push(request);
        if (code === status.OK) answer(null, create(ExportTraceServiceResponseSchema));
        else answer({ code, details: 'not now' });
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { port, took };
}

function traced(port: number): TracedSpan {
  return {
    collector: { name: 'them', protocol: 'otlp-grpc', host: '127.0.0.1', port, path: CALL },
    span: {
      ...{ traceId: TRACE, spanId: '00f067aa0ba902b7', parentId: '', state: 'a=b', kind: 'server', name: 'it' },
      ...{ service: 'cart.shop', startTime: 1_700_000_000_000.25, duration: 1.5, failed: true },
      tags: ['http.method', 'GET'],
    },
  };
}

/** What was counted when the span was sent, or given up. */
async function counted(port: number): Promise<Record<string, number>> {
  const metrics = new Metrics();
  const spans = new Spans(systemClock, createPlainLog('test', { level: 'silent' }), metrics);
  spans.take([traced(port)]);
  await spans.close(15_000);
  return Object.fromEntries(
    metrics
      .snapshot()
      .flatMap(({ name, samples }) =>
        samples.map(({ labels, values }): [string, number] => [[name, ...labels].join(' '), values[0] ?? 0]),
      ),
  );
}

describe('a collector that speaks OTLP over gRPC', () => {
  it('gets a span with all that it has', async () => {
    const { port, took } = await collector(status.OK);
    expect(await counted(port)).toEqual({ 'ambit_spans_sent_total them': 1 });
    const [resource] = took[0]?.resourceSpans ?? [];
    expect(resource?.resource?.attributes[0]).toMatchObject({
      key: 'service.name',
      value: { stringValue: 'cart.shop' },
    });
    const [span] = resource?.scopeSpans[0]?.spans ?? [];
    expect(Buffer.from(span?.traceId ?? []).toString('hex')).toBe(TRACE);
    expect(span?.parentSpanId).toHaveLength(0);
    expect(span).toMatchObject({
      ...{ name: 'it', kind: 2, traceState: 'a=b', status: { code: 2 } },
      ...{ startTimeUnixNano: 1_700_000_000_000_250_000n, endTimeUnixNano: 1_700_000_000_001_750_000n },
      attributes: [{ key: 'http.method', value: { stringValue: 'GET' } }],
    });
  });

  it.each<[string, status[], Record<string, number>, number]>([
    ['that is busy is asked again', [status.UNAVAILABLE, status.OK], { 'ambit_spans_sent_total them': 1 }, 2],
    ['that refuses is not', [status.INVALID_ARGUMENT], { 'ambit_spans_dropped_total them refused': 1 }, 1],
    ['that stays busy loses them', [status.DATA_LOSS], { 'ambit_spans_dropped_total them unreachable': 1 }, 3],
  ])('%s', async (_, statuses, expected, times) => {
    const { port, took } = await collector(...statuses);
    expect(await counted(port)).toEqual(expected);
    expect(took).toHaveLength(times);
  });

  it('that is not there loses them, counted', async () => {
    expect(await counted(1)).toEqual({ 'ambit_spans_dropped_total them unreachable': 1 });
  });
});
