import type { Clock } from '@ambit/core/clock';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, status } from '@grpc/grpc-js';
import {
  type ExportTraceServiceRequest,
  ExportTraceServiceRequestSchema,
  type ExportTraceServiceResponse,
  ExportTraceServiceResponseSchema,
} from '@ambit/proto/otlp';
import type { Span } from '@ambit/telemetry/trace/span';
import type { TraceCollector } from '@ambit/traffic/model/telemetry';
import { SPAN_SEND_TIMEOUT_MS } from '../limits.ts';
import { otlpMessage } from './otlp-message.ts';
import type { SendOutcome, SpanSender } from './span-sender.ts';

/** "Failures" of OTLP over gRPC, but for RESOURCE_EXHAUSTED, which says so only with more that nobody here reads. */
const AGAIN: ReadonlySet<number> = new Set([
  ...[status.CANCELLED, status.DEADLINE_EXCEEDED, status.ABORTED, status.OUT_OF_RANGE],
  ...[status.UNAVAILABLE, status.DATA_LOSS],
]);

/** Milliseconds between attempts to connect, from the first to the longest: a collector that is back gets spans soon. */
const RECONNECT = { first: 500, longest: 5_000 } as const;

/** Sends spans by OTLP over gRPC in clear text, over one connection. */
export class GrpcSpanSender implements SpanSender {
  readonly #path: string;
  readonly #client: Client;
  readonly #clock: Clock;

  constructor({ host, port, path }: TraceCollector, clock: Clock) {
    this.#clock = clock;
    this.#path = path;
    this.#client = new Client(`dns:${host.includes(':') ? `[${host}]` : host}:${port}`, credentials.createInsecure(), {
      'grpc.enable_http_proxy': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.initial_reconnect_backoff_ms': RECONNECT.first,
      'grpc.max_reconnect_backoff_ms': RECONNECT.longest,
    });
  }

  send(batch: readonly Span[]): Promise<SendOutcome> {
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest<ExportTraceServiceRequest, ExportTraceServiceResponse>(
        this.#path,
        (request) => Buffer.from(toBinary(ExportTraceServiceRequestSchema, request)),
        (bytes) => fromBinary(ExportTraceServiceResponseSchema, bytes),
        otlpMessage(batch),
        { deadline: this.#clock.wallTime() + SPAN_SEND_TIMEOUT_MS },
        (error) => {
          if (error === null) resolve('taken');
          else resolve({ trouble: `${status[error.code]}: ${error.details}`, again: AGAIN.has(error.code) });
        },
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}
