import type { Clock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import { otlpJson } from '@ambit/telemetry/trace/otlp-json';
import type { Span } from '@ambit/telemetry/trace/span';
import { zipkinJson } from '@ambit/telemetry/trace/zipkin-json';
import type { TraceCollector } from '@ambit/traffic/model/telemetry';
import { SPAN_SEND_TIMEOUT_MS } from '../limits.ts';
import type { SendOutcome, SpanSender } from './span-sender.ts';

// An import of node:http would also load the WebSocket client among its exports.
const { request } = process.getBuiltinModule('node:http');

/** "Retryable Response Codes" of OTLP. */
const AGAIN: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Sends spans as JSON, to collectors of OpenTelemetry or Zipkin. */
export class HttpSpanSender implements SpanSender {
  readonly #collector: TraceCollector;
  readonly #clock: Clock;

  constructor(collector: TraceCollector, clock: Clock) {
    this.#collector = collector;
    this.#clock = clock;
  }

  send(batch: readonly Span[]): Promise<SendOutcome> {
    const { host, port, path, protocol } = this.#collector;
    const bytes = Buffer.from(protocol === 'zipkin' ? zipkinJson(batch) : otlpJson(batch));
    return new Promise((resolve) => {
      const headers = { 'content-type': 'application/json', 'content-length': bytes.length };
      const exchange = request({ host, port, path, method: 'POST', headers });
      const overall = this.#clock.setTimeout(() => {
        exchange.destroy(new Error('no answer in time'));
      }, SPAN_SEND_TIMEOUT_MS);
      exchange.on('response', (response) => {
        response.resume();
        response.on('error', () => undefined);
        overall.cancel();
        const status = response.statusCode ?? 0;
        if (status >= 200 && status < 300) resolve('taken');
        else resolve({ trouble: `status ${status}`, again: AGAIN.has(status) });
      });
      exchange.on('error', (error) => {
        overall.cancel();
        resolve({ trouble: messageOf(error), again: true });
      });
      exchange.end(bytes);
    });
  }

  close(): void {
    // Each exchange ends by itself.
  }
}
