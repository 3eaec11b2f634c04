import type { Reactor } from '@ambit/reactor/reactor';
import type { Span } from '@ambit/telemetry/trace/span';
import type { TraceCollector } from '@ambit/traffic/model/telemetry';
import { SPAN_REPORTS, SPANS_GATHERED } from '../limits.ts';
import type { Report, TracedSpan } from '../messages.ts';

/** Spans go to the main thread together, this long after the first of them, milliseconds. */
const GATHER_MS = 200;

/** Spans on their way to the main thread, which sends them. Never waits: what does not fit is dropped, and `onDropped` is told. */
export class SpanBuffer {
  readonly #reactor: Reactor;
  readonly #onDropped: (collector: string) => void;
  #gathered: TracedSpan[] = [];
  /** Reports that the main thread has not taken yet. */
  #outstanding = 0;
  #scheduled = false;

  constructor(reactor: Reactor, onDropped: (collector: string) => void) {
    this.#reactor = reactor;
    this.#onDropped = onDropped;
  }

  add(collector: TraceCollector, span: Span): void {
    if (this.#gathered.length >= SPANS_GATHERED) this.flush();
    if (this.#gathered.length >= SPANS_GATHERED) {
      this.#onDropped(collector.name);
      return;
    }
    this.#gathered.push({ collector, span });
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#reactor.after(GATHER_MS, () => {
      this.#scheduled = false;
      this.flush();
    });
  }

  /** Posts what has gathered, unless the main thread is behind. */
  flush(): void {
    if (this.#gathered.length === 0 || this.#outstanding >= SPAN_REPORTS) return;
    const report: Report = { kind: 'spans', spans: this.#gathered };
    this.#outstanding += 1;
    this.#gathered = [];
    this.#reactor.post(report);
  }

  /** The main thread has taken a report. */
  taken(): void {
    this.#outstanding -= 1;
    this.flush();
  }
}
