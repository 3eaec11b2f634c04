import type { Clock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import type { Span } from '@ambit/telemetry/trace/span';
import type { TraceCollector } from '@ambit/traffic/model/telemetry';
import { GrpcSpanSender } from './grpc-span-sender.ts';
import { HttpSpanSender } from './http-span-sender.ts';
import type { SpanSender } from './span-sender.ts';
import { SPAN_BATCH, SPAN_SEND_ATTEMPTS, SPANS_QUEUED } from '../limits.ts';

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
  readonly #sender: SpanSender;
  #queue: Span[] = [];
  #sending: Promise<void> | undefined;
  #ending = false;
  /** What went wrong last, told once. */
  #trouble = '';

  constructor(options: SpanExporterOptions) {
    this.#options = options;
    const { collector, clock } = options;
    this.#sender =
      collector.protocol === 'otlp-grpc' ? new GrpcSpanSender(collector, clock) : new HttpSpanSender(collector, clock);
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
    this.#sender.close();
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
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#sender.send(batch);
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

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.setTimeout(resolve, milliseconds, { background: true });
    });
  }
}
