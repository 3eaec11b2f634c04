import type { Clock } from '@ambit/core/clock';
import type { Answer } from '@ambit/proxy/admin/http-listener';
import type { DataThreads } from '@ambit/proxy/thread/data-threads';
import type { RequestSnapshot } from '@ambit/telemetry/request-snapshot';
import { serviceRates } from '@ambit/telemetry/service-rates';
import type { Command, Report, WaypointStart } from '../messages.ts';

/** Seconds between the two looks, unless the query says otherwise. */
const DEFAULT_WINDOW = 5;
const LONGEST_WINDOW = 60;

/** Rate, errors and durations of each service in the seconds that the answer takes: `?seconds=5`. */
export async function servicePage(
  query: URLSearchParams,
  threads: DataThreads<Command, Report, WaypointStart>,
  clock: Clock,
): Promise<Answer> {
  const seconds = Number(query.get('seconds') ?? DEFAULT_WINDOW);
  if (!(seconds >= 1 && seconds <= LONGEST_WINDOW)) {
    return { status: 400, body: `{"error":"seconds is not from 1 to ${LONGEST_WINDOW}"}\n` };
  }
  const before = await look(threads);
  const began = clock.now();
  await new Promise<void>((resolve) => {
    clock.setTimeout(resolve, seconds * 1_000, { background: true });
  });
  const after = await look(threads);
  const passed = (clock.now() - began) / 1_000;
  return {
    status: 200,
    body: `${JSON.stringify({ seconds: passed, services: serviceRates(before, after, passed) }, undefined, 2)}\n`,
  };
}

async function look(threads: DataThreads<Command, Report, WaypointStart>): Promise<RequestSnapshot[]> {
  const reports = await threads.ask((ticket) => ({ kind: 'scrape', ticket }));
  return reports.flatMap((report) => ('requests' in report ? [report.requests] : []));
}
