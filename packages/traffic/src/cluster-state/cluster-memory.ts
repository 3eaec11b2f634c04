import { EndpointRecords } from '../outlier/endpoint-records.ts';
import { ROLLING_WORDS } from './rolling-counts.ts';

/** Words that belong to no thread, a cache line: of the circuit breaker. */
export const HEADER_WORDS = 16;

/** What a thread has under way to a cluster. */
export const Gauge = {
  /** Connections that are open or being made. */
  connections: 0,
  /** Requests that wait for a connection. */
  pending: 1,
  /** Requests at endpoints, tries each. */
  requests: 2,
  /** Retries, those too that wait for their delay. */
  retries: 3,
  /** Requests from their first try to their end. */
  underWay: 4,
} as const;

export type Gauge = (typeof Gauge)[keyof typeof Gauge];

export const GAUGES: readonly (keyof typeof Gauge)[] = ['connections', 'pending', 'requests', 'retries', 'underWay'];

const RETRY_WINDOW = 8;
const BREAKER_WINDOW: number = RETRY_WINDOW + ROLLING_WORDS;
/** Words of a thread, whole cache lines. */
const ROW: number = Math.ceil((BREAKER_WINDOW + ROLLING_WORDS) / 16) * 16;

/**
 * Memory of what all data threads know together of one cluster, as it goes to them. A thread counts in words of its own, so that
 * what a dead one held can be given back.
 */
export interface ClusterMemory {
  readonly threads: number;
  readonly counts: SharedArrayBuffer;
  /** Of clusters with outlier detection. */
  readonly endpoints: SharedArrayBuffer | undefined;
}

export function allocateClusterMemory(threads: number, withEndpoints: boolean): ClusterMemory {
  return {
    threads,
    counts: new SharedArrayBuffer((HEADER_WORDS + threads * ROW) * Int32Array.BYTES_PER_ELEMENT),
    endpoints: withEndpoints ? EndpointRecords.allocate() : undefined,
  };
}

/** Where a thread's gauges begin. */
export function gaugesOf(thread: number): number {
  return HEADER_WORDS + thread * ROW;
}

/** Where the windows of all threads begin: of requests and retries, or of tries and failures. */
export function windowsOf(threads: number, window: 'breaker' | 'retries'): readonly number[] {
  const offset = window === 'retries' ? RETRY_WINDOW : BREAKER_WINDOW;
  return Array.from({ length: threads }, (_, thread) => gaugesOf(thread) + offset);
}
