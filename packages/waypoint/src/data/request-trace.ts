import type { FieldList } from '@ambit/http/h2/message-fields';
import type { Span } from '@ambit/telemetry/trace/span';
import {
  type IncomingContext,
  isContextField,
  pushContext,
  readContext,
  type TraceFormat,
} from '@ambit/telemetry/trace/trace-context';
import type { TraceIds } from '@ambit/telemetry/trace/trace-ids';
import { isDrawn } from '@ambit/traffic/filters/share';
import type { TraceTag, Tracing } from '@ambit/traffic/model/telemetry';
import { SPAN_TAG_CHARACTERS } from '../limits.ts';
import type { SpanBuffer } from './span-buffer.ts';

/** What all traces of a thread share. */
export interface Tracer {
  readonly ids: TraceIds;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly spans: SpanBuffer;
  /** A variable of the process. */
  readonly environment: (name: string) => string | undefined;
}

/** How the context of a collector's own is written. */
const W3CS: readonly TraceFormat[] = ['w3c'];
const ZIPKINS: readonly TraceFormat[] = ['b3-multi'];

/** What is known of a span at its end. */
export interface SpanEnd {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly startTime: number;
  readonly duration: number;
  readonly failed: boolean;
  /** Names and values by turns; what has no value is left out. */
  readonly tags: readonly (string | undefined)[];
}

/** The trace of one request: what it came with, whether it is sampled, decided once, and the spans that are sent of it. */
export class RequestTrace {
  readonly traceId: string;
  readonly #tracer: Tracer;
  readonly #tracing: Tracing;
  readonly #incoming: IncomingContext | undefined;
  readonly #sampled: boolean;
  readonly #serverSpan: string;
  readonly #formats: readonly TraceFormat[];

  /** `fields` are those of the request. */
  constructor(tracer: Tracer, tracing: Tracing, fields: FieldList) {
    this.#tracer = tracer;
    this.#tracing = tracing;
    this.#incoming = readContext(fields);
    this.#sampled = this.#incoming?.sampled ?? isDrawn(tracing.sampledPerMillion, tracer.random);
    this.traceId = this.#incoming?.ids?.traceId ?? tracer.ids.trace();
    this.#serverSpan = tracer.ids.span();
    const own = tracing.collector?.protocol === 'zipkin' ? ZIPKINS : W3CS;
    const came = this.#incoming?.formats;
    if (came === undefined) this.#formats = own;
    else this.#formats = own.every((format) => came.includes(format)) ? came : [...own, ...came];
  }

  /** Whether spans are sent. */
  get recorded(): boolean {
    return this.#sampled && this.#tracing.collector !== null;
  }

  get meshTags(): boolean {
    return this.#tracing.meshTags;
  }

  /** Whether endpoints get context of ours: without a collector they get what came. */
  get #propagates(): boolean {
    return this.#tracing.collector !== null;
  }

  /** Takes the context out of a head that endpoints get, and puts that of the request as a whole in its place. */
  apply(head: string[]): void {
    if (!this.#propagates) return;
    this.#strip(head);
    this.#push(head, this.#serverSpan);
  }

  /** A span for one try. */
  trySpan(): string {
    return this.#tracer.ids.span();
  }

  /** The head for one try. */
  headOf(head: FieldList, span: string): FieldList {
    if (!this.recorded) return head;
    const own = [...head];
    this.#strip(own);
    this.#push(own, span);
    return own;
  }

  /** The request is over. `header` gives a field of it. */
  endServer(end: SpanEnd, header: (name: string) => string | undefined): void {
    const custom = this.#tracing.tags.flatMap((tag) => [tag.name, this.#valueOf(tag, header)]);
    this.#send('server', this.#serverSpan, this.#incoming?.ids?.spanId ?? '', {
      ...end,
      tags: [...end.tags, ...custom],
    });
  }

  /** A try is over. */
  endTry(span: string, end: SpanEnd): void {
    this.#send('client', span, this.#serverSpan, end);
  }

  #send(kind: Span['kind'], spanId: string, parentId: string, { tags, ...end }: SpanEnd): void {
    const { collector, serviceName } = this.#tracing;
    if (collector === null || !this.recorded) return;
    const told: string[] = [];
    for (let at = 0; at + 1 < tags.length; at += 2) {
      const [name, value] = [tags[at], tags[at + 1]];
      if (name !== undefined && value !== undefined && value !== '')
        told.push(name, value.slice(0, SPAN_TAG_CHARACTERS));
    }
    const { traceId } = this;
    const state = this.#incoming?.state;
    this.#tracer.spans.add(collector, {
      traceId,
      spanId,
      parentId,
      state,
      kind,
      service: serviceName,
      ...end,
      tags: told,
    });
  }

  #valueOf({ source, text, defaultValue }: TraceTag, header: (name: string) => string | undefined): string | undefined {
    if (source === 'literal') return text;
    // Whoever ends the request has their values.
    if (source === 'formatter') return undefined;
    const found = source === 'header' ? header(text) : this.#tracer.environment(text);
    return found ?? defaultValue;
  }

  #push(head: string[], spanId: string): void {
    const { traceId } = this;
    pushContext(head, this.#formats, { traceId, spanId, sampled: this.#sampled, state: this.#incoming?.state });
  }

  #strip(head: string[]): void {
    let kept = 0;
    while (kept < head.length && !isContextField(head[kept] ?? '')) kept += 2;
    if (kept >= head.length) return;
    for (let at = kept; at + 1 < head.length; at += 2) {
      const name = head[at] ?? '';
      if (isContextField(name)) continue;
      head[kept] = name;
      head[kept + 1] = head[at + 1] ?? '';
      kept += 2;
    }
    head.length = kept;
  }
}
