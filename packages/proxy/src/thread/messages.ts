import type { Certificate } from '@ambit/identity/certificate';
import type { ResourceBatch } from '@ambit/mesh/resource/batch';
import type { LoopChannel } from '@ambit/reactor/loop-channel';
import type { MetricsSnapshot } from '@ambit/telemetry/snapshot';

/** From the control side to a data thread, whatever its data path. Programs add their own. */
export type ThreadCommand =
  | { readonly kind: 'resources'; readonly batch: ResourceBatch }
  | { readonly kind: 'certificate'; readonly certificate: Certificate }
  | { readonly kind: 'forget-certificate'; readonly identity: string }
  | { readonly kind: 'scrape'; readonly ticket: number }
  /** Keeps the loop busy. A fault for tests. */
  | { readonly kind: 'stall'; readonly milliseconds: number };

/** From a data thread to the control side. `ticket` is that of the command it answers. Programs add their own. */
export type ThreadReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'applied'; readonly generation: number }
  | { readonly kind: 'done'; readonly ticket: number; readonly error?: string }
  | { readonly kind: 'scraped'; readonly ticket: number; readonly counters: MetricsSnapshot }
  /** Finished access-log lines, and how many were dropped since the last report. */
  | { readonly kind: 'log'; readonly lines: Uint8Array; readonly dropped: number }
  | { readonly kind: 'fault'; readonly message: string };

/** What a program's threads report: the above, what its own commands are answered with, and what they say by themselves. */
export type ProgramReport = ThreadReport | { readonly kind: string; readonly ticket?: number };

/** What every data thread is started with. */
export interface ThreadStart {
  readonly index: number;
  readonly channel: LoopChannel;
  /** Counter of the `log` reports that the control side has written. */
  readonly logWritten: SharedArrayBuffer;
}
