import type { Clock } from '@ambit/core/clock';
import type { Answer } from '@ambit/proxy/admin/http-listener';
import { twoLooks } from '@ambit/proxy/admin/two-looks';
import type { DataThreads } from '@ambit/proxy/thread/data-threads';
import { connectionRates, connectTimes } from '@ambit/telemetry/connection-rates';
import type { MetricsSnapshot } from '@ambit/telemetry/snapshot';
import type { Command, NodeStart, Report } from '../messages.ts';

/** Connections to each service in the seconds that the answer takes, and how long they took to reach it: `?seconds=5`. */
export function servicePage(
  query: URLSearchParams,
  threads: DataThreads<Command, Report, NodeStart>,
  clock: Clock,
): Promise<Answer> {
  return twoLooks(
    query,
    clock,
    () => look(threads),
    (before, after, seconds) => ({
      services: connectionRates(before, after, seconds),
      connectMilliseconds: connectTimes(before, after),
    }),
  );
}

async function look(threads: DataThreads<Command, Report, NodeStart>): Promise<MetricsSnapshot[]> {
  const reports = await threads.ask((ticket) => ({ kind: 'scrape', ticket }));
  return reports.flatMap((report) => (report.kind === 'scraped' ? [report.counters] : []));
}
