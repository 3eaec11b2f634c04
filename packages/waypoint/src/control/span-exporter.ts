import type { Clock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { otlpJson } from '@ambit/telemetry/trace/otlp-json';
import type { Span } from '@ambit/telemetry/trace/span';
import { zipkinJson } from '@ambit/telemetry/trace/zipkin-json';
import type { TraceCollector } from '@ambit/traffic/model/telemetry';
import { SPAN_BATCH, SPAN_SEND_ATTEMPTS, SPAN_SEND_TIMEOUT_MS, SPANS_QUEUED } from '../limits.ts';

// An import of node:http would also load the WebSocket client among its exports.
const { request } = process.getBuiltinModule('node:http');

export interface SpanExporterOptions {
  readonly collector: TraceCollector;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onSent: (count: number) => void;
  readonly onDropped: (reason: 'queue' | 'refused' | 'unreachable', count: number) => void;
}

/** How long spans wait for others to be sent with, milliseconds. */
const GATHER_MS = 500;

/** Between two attempts for one batch; doubled with each, milliseconds. */
const PAUSE_MS = 500;

/** Sends spans to one collector, one batch after the other; what it does not take in time is dropped and counted. */
export class SpanExporter {
  readonly #options: SpanExporterOptions;
  #queue: Span[] = [];
  #sending: Promise<void> | undefined;
  #ending = false;
  /** What went wrong last, told once. */
  #trouble = '';

  constructor(options: SpanExporterOptions) {
    this.#options = options;
  }

  add(spans: readonly Span[]): void {
    const room = Math.max(SPANS_QUEUED - this.#queue.length, 0);
    this.#queue.push(...spans.slice(0, room));
    if (spans.length > room) this.#options.onDropped('queue', spans.length - room);
    this.#sending ??= this.#send();
  }

  /** Sends what is left; resolves when nothing is, and may be given up before. */
  async close(): Promise<void> {
    this.#ending = true;
    while (this.#sending !== undefined) await this.#sending;
  }

  async #send(): Promise<void> {
    if (!this.#ending) await this.#pause(GATHER_MS);
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, SPAN_BATCH);
      this.#queue = this.#queue.slice(SPAN_BATCH);
      await this.#sendBatch(batch);
    }
    this.#sending = undefined;
  }

  async #sendBatch(batch: readonly Span[]): Promise<void> {
    const { collector, log, onSent, onDropped } = this.#options;
    const body = collector.protocol === 'otlp' ? otlpJson(batch) : zipkinJson(batch);
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#post(body);
      if (outcome === 'taken') {
        if (this.#trouble !== '') log.info({ collector: collector.name }, 'the collector takes spans again');
        this.#trouble = '';
        onSent(batch.length);
        return;
      }
      if (outcome.trouble !== this.#trouble) {
        this.#trouble = outcome.trouble;
        log.warn({ collector: collector.name, reason: outcome.trouble }, 'the collector does not take spans');
      }
      if (!outcome.again || attempt >= SPAN_SEND_ATTEMPTS) {
        onDropped(outcome.again ? 'unreachable' : 'refused', batch.length);
        return;
      }
      await this.#pause(PAUSE_MS * 2 ** (attempt - 1));
    }
  }

  /** Whether a later attempt makes sense follows OTLP (Failures, "Retryable Response Codes"). */
  #post(body: string): Promise<'taken' | { readonly trouble: string; readonly again: boolean }> {
    const { host, port, path } = this.#options.collector;
    const bytes = Buffer.from(body);
    return new Promise((resolve) => {
      const headers = { 'content-type': 'application/json', 'content-length': bytes.length };
      const exchange = request({ host, port, path, method: 'POST', headers });
      const overall = this.#options.clock.setTimeout(() => {
        exchange.destroy(new Error('no answer in time'));
      }, SPAN_SEND_TIMEOUT_MS);
      exchange.on('response', (response) => {
        response.resume();
        response.on('error', () => undefined);
        overall.cancel();
        const status = response.statusCode ?? 0;
        if (status >= 200 && status < 300) resolve('taken');
        else resolve({ trouble: `status ${status}`, again: [429, 502, 503, 504].includes(status) });
      });
      exchange.on('error', (error) => {
        overall.cancel();
        resolve({ trouble: messageOf(error), again: true });
      });
      exchange.end(bytes);
    });
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.setTimeout(resolve, milliseconds, { background: true });
    });
  }
}
