import type { Clock } from '@ambit/core/clock';
import type { Answer } from '@ambit/proxy/admin/http-listener';
import { twoLooks } from '@ambit/proxy/admin/two-looks';
import type { DataThreads } from '@ambit/proxy/thread/data-threads';
import type { RequestSnapshot } from '@ambit/telemetry/request-snapshot';
import { serviceRates } from '@ambit/telemetry/service-rates';
import type { Command, Report, WaypointStart } from '../messages.ts';

/** Rate, errors and durations of each service in the seconds that the answer takes: `?seconds=5`. */
export function servicePage(
  query: URLSearchParams,
  threads: DataThreads<Command, Report, WaypointStart>,
  clock: Clock,
): Promise<Answer> {
  return twoLooks(
    query,
    clock,
    () => look(threads),
    (before, after, seconds) => ({ services: serviceRates(before, after, seconds) }),
  );
}

async function look(threads: DataThreads<Command, Report, WaypointStart>): Promise<RequestSnapshot[]> {
  const reports = await threads.ask((ticket) => ({ kind: 'scrape', ticket }));
  return reports.flatMap((report) => ('requests' in report ? [report.requests] : []));
}
