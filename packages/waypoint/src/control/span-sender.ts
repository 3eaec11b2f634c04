import type { Span } from '@ambit/telemetry/trace/span';

/** What became of a batch; `again`: a later attempt makes sense (OTLP, "Failures"). */
export type SendOutcome = 'taken' | { readonly trouble: string; readonly again: boolean };

/** The way to one collector. */
export interface SpanSender {
  /** Never rejects. */
  send(batch: readonly Span[]): Promise<SendOutcome>;
  close(): void;
}
