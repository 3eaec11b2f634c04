import { bucketQuantile } from './bucket-quantile.ts';
import {
  CONNECT_SECONDS,
  CONNECTIONS_CLOSED,
  CONNECTIONS_FAILED,
  CONNECTIONS_OPENED,
  RECEIVED_BYTES,
  SENT_BYTES,
} from './families.ts';
import type { MetricsSnapshot } from './snapshot.ts';
import { TRAFFIC_LABELS, UNKNOWN } from './traffic-labels.ts';

/** What connections to one destination came to, as the proxy of one of their ends sees them. */
export interface ConnectionRates {
  /** `source`: opened by pods of this node; `destination`: to them; `waypoint`. */
  readonly reporter: string;
  /** Host of the service, else `namespace/name` of the workload; `unknown` outside of the mesh. */
  readonly destination: string;
  readonly openedPerSecond: number;
  readonly closedPerSecond: number;
  /** Refused, or ended by an error. */
  readonly failedPerSecond: number;
  /** Under way at the second look. */
  readonly open: number;
  /** From source to destination, and back; those of connections that ended in between. */
  readonly receivedBytesPerSecond: number;
  readonly sentBytesPerSecond: number;
}

/** Milliseconds until the other side of connections was reached; null without one. */
export interface ConnectTimes {
  readonly reporter: string;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

const [REPORTER, HOST, NAMESPACE, WORKLOAD] = (
  ['reporter', 'destination_service', 'destination_workload_namespace', 'destination_workload'] as const
).map((label) => TRAFFIC_LABELS.indexOf(label));

/** What is added up, in the order of the counters in a total. */
const COUNTED = [CONNECTIONS_OPENED, CONNECTIONS_CLOSED, CONNECTIONS_FAILED, RECEIVED_BYTES, SENT_BYTES];

interface Totals {
  readonly reporter: string;
  readonly destination: string;
  readonly values: number[];
}

/**
 * Rates of connections by destination between two looks at the threads of a proxy, `seconds` apart; the busiest first. A thread
 * that was replaced between the looks counts for nothing.
 */
export function connectionRates(
  before: readonly MetricsSnapshot[],
  after: readonly MetricsSnapshot[],
  seconds: number,
): ConnectionRates[] {
  const former = totalsOf(before);
  return Array.from(totalsOf(after), ([key, { reporter, destination, values }]): ConnectionRates => {
    const past = former.get(key)?.values ?? [];
    const perSecond = (at: number): number => Math.max((values[at] ?? 0) - (past[at] ?? 0), 0) / seconds;
    return {
      ...{ reporter, destination },
      openedPerSecond: perSecond(0),
      closedPerSecond: perSecond(1),
      failedPerSecond: perSecond(2),
      open: Math.max((values[0] ?? 0) - (values[1] ?? 0), 0),
      receivedBytesPerSecond: perSecond(3),
      sentBytesPerSecond: perSecond(4),
    };
  }).sort(
    (one, other) => other.openedPerSecond - one.openedPerSecond || (one.destination < other.destination ? -1 : 1),
  );
}

/** How long connections took to reach their other side between two looks, by reporter. */
export function connectTimes(before: readonly MetricsSnapshot[], after: readonly MetricsSnapshot[]): ConnectTimes[] {
  const former = connectsOf(before);
  return Array.from(connectsOf(after), ([reporter, counts]): ConnectTimes => {
    const since = counts.map((count, bucket) => Math.max(count - (former.get(reporter)?.[bucket] ?? 0), 0));
    const [p50 = null, p95 = null, p99 = null] = [0.5, 0.95, 0.99].map((share) => {
      const found = bucketQuantile(CONNECT_SECONDS.buckets, since, share);
      return found === null ? null : found * 1_000;
    });
    return { reporter, p50, p95, p99 };
  });
}

function totalsOf(snapshots: readonly MetricsSnapshot[]): Map<string, Totals> {
  const all = new Map<string, Totals>();
  for (const { name, samples } of snapshots.flat()) {
    const counter = COUNTED.findIndex((family) => family.name === name);
    if (counter < 0) continue;
    for (const { labels, values } of samples) {
      const reporter = labels[REPORTER ?? 0] ?? UNKNOWN;
      const destination = destinationOf(labels);
      const key = `${reporter} ${destination}`;
      const totals = all.get(key) ?? { reporter, destination, values: COUNTED.map(() => 0) };
      all.set(key, totals);
      totals.values[counter] = (totals.values[counter] ?? 0) + (values[0] ?? 0);
    }
  }
  return all;
}

function destinationOf(labels: readonly string[]): string {
  const host = labels[HOST ?? 0] ?? UNKNOWN;
  if (host !== UNKNOWN) return host;
  const workload = labels[WORKLOAD ?? 0] ?? UNKNOWN;
  return workload === UNKNOWN ? UNKNOWN : `${labels[NAMESPACE ?? 0] ?? UNKNOWN}/${workload}`;
}

function connectsOf(snapshots: readonly MetricsSnapshot[]): Map<string, number[]> {
  const all = new Map<string, number[]>();
  for (const { name, samples } of snapshots.flat()) {
    if (name !== CONNECT_SECONDS.name) continue;
    for (const { labels, values } of samples) {
      // Behind the buckets and the one above them stands the sum.
      const counts = values.slice(0, CONNECT_SECONDS.buckets.length + 1);
      const known = all.get(labels[0] ?? '') ?? counts.map(() => 0);
      all.set(
        labels[0] ?? '',
        counts.map((count, bucket) => count + (known[bucket] ?? 0)),
      );
    }
  }
  return all;
}
