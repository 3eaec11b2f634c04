import type { LoadReport } from '../load/window.ts';
import type { Findings } from '../result/measure.ts';
import type { Windows } from './windows.ts';

/** Fresh processes of one subject between a generator and the servers. */
export interface Stand {
  /** The processes whose cost is measured, in groups of which each counts as one proxy; empty without proxies. */
  readonly proxies: readonly (readonly number[])[];
  /** Suite and group that the proxies agreed on, as seen on the wire; absent without proxies. */
  readonly tls?: string;
  /** Runs the generator to its end. Throws when it fails. */
  load(shape: string, options: Readonly<Record<string, string | number>>): Promise<LoadReport>;
  /** Opens connections and holds them until `release`. */
  hold(connections: number): Promise<Held>;
  close(): Promise<void>;
}

/** What is held open. */
export interface Held {
  release(): Promise<void>;
}

/** What one subject found in one round. */
export interface SubjectResult {
  readonly findings: Findings;
  readonly tls: string | undefined;
}

/** A way to carry the traffic. */
export interface Subject {
  readonly name: string;
  /** Starts fresh processes, takes all windows, and ends the processes. */
  measure(windows: Windows): Promise<SubjectResult>;
}
