import type { Clock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import type { Metrics } from '@ambit/telemetry/metrics';
import { SPANS_DROPPED, SPANS_SENT } from '@ambit/telemetry/request-families';
import { TRACE_COLLECTORS } from '../limits.ts';
import type { TracedSpan } from '../messages.ts';
import { SpanExporter } from './span-exporter.ts';

/** The spans of all data threads, on their way to the collectors that Telemetry names. */
export class Spans {
  readonly #exporters = new Map<string, SpanExporter>();
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: Metrics;

  constructor(clock: Clock, log: Logger, metrics: Metrics) {
    this.#clock = clock;
    this.#log = log;
    this.#metrics = metrics;
  }

  take(spans: readonly TracedSpan[]): void {
    const byCollector = Map.groupBy(spans, ({ collector: { protocol, host, port, path } }) =>
      [protocol, host, port, path].join(' '),
    );
    for (const [key, own] of byCollector) {
      this.#exporter(key, own)?.add(own.map(({ span }) => span));
    }
  }

  /** Sends what is left, for as long as `deadline` milliseconds. */
  async close(deadline: number): Promise<void> {
    const late = new Promise<void>((resolve) => {
      this.#clock.setTimeout(resolve, deadline, { background: true });
    });
    await Promise.race([Promise.all(Array.from(this.#exporters.values(), (exporter) => exporter.close())), late]);
  }

  #exporter(key: string, own: readonly TracedSpan[]): SpanExporter | undefined {
    const known = this.#exporters.get(key);
    const collector = own[0]?.collector;
    if (known !== undefined || collector === undefined) return known;
    const dropped = (reason: string, count: number): void => {
      this.#metrics.number(SPANS_DROPPED, collector.name, reason).value += count;
    };
    if (this.#exporters.size >= TRACE_COLLECTORS) {
      this.#metrics.number(SPANS_DROPPED, 'unknown', 'collectors').value += own.length;
      return undefined;
    }
    const exporter = new SpanExporter({
      ...{ collector, clock: this.#clock, log: this.#log, onDropped: dropped },
      onSent: (count) => {
        this.#metrics.number(SPANS_SENT, collector.name).value += count;
      },
    });
    this.#exporters.set(key, exporter);
    return exporter;
  }
}
