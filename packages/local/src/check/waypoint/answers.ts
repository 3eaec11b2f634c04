import type { Bench } from '../bench.ts';
import { demand, eventually } from '../check.ts';
import type { AnswerRow, RequestsReport } from '../clients/requests-options.ts';
import { ROUTE_MANIFEST, SUBSETS_MANIFEST, type Weights, weightedRoute, weightedSubsets } from './routes.ts';

/** The two ways to write the canary: Service, manifest, and what it says. */
export const CANARIES: readonly {
  readonly kind: string;
  readonly service: string;
  readonly manifest: string;
  readonly write: (weights: Weights) => string;
}[] = [
  { kind: 'HTTPRoute', service: 'by-route.check-l7', manifest: ROUTE_MANIFEST, write: weightedRoute },
  { kind: 'VirtualService', service: 'by-subset.check-l7', manifest: SUBSETS_MANIFEST, write: weightedSubsets },
];

const HTTP_PORT = 8080;
/** A new Service, or a route, is known to every proxy within so many milliseconds. */
const KNOWN_WITHIN = 15_000;

/** Where the HTTP server behind a Service is reached. */
export function httpAt(bench: Bench, service: string): { host: string; port: number } {
  return { host: bench.serviceAddress(service), port: HTTP_PORT };
}

/** Waits until requests to a Service pass by the waypoint `namespace/name`. */
export async function byWaypoint(bench: Bench, service: string, gateway: string): Promise<void> {
  // Records come up from the data threads a moment later, so an attempt may see that of the one before.
  const since = bench.clock.wallTime();
  await eventually(bench.clock, KNOWN_WITHIN, `requests to ${service} pass by ${gateway}`, async () => {
    const report = await bench.pod('client').requests({ ...httpAt(bench, service), loops: 1, total: 1 });
    demandAllAnswered(report);
    const records = bench.waypoints(gateway).flatMap((waypoint) => waypoint.accessLog(since));
    return records.length > 0 ? true : undefined;
  });
}

/** Demands that every request was answered with 200. */
export function demandAllAnswered(report: RequestsReport): void {
  demand(report.failures.length === 0 && statusOtherThan200(report) === 0, describe(report));
}

/** `5000 requests, none failed` or how many did, and how. */
export function describe(report: RequestsReport): string {
  const { answers, failures, repeated } = report;
  const wrong = new Map<string, number>();
  for (const { failure } of failures) wrong.set(failure, (wrong.get(failure) ?? 0) + 1);
  for (const [, , status] of answers) if (status !== 200) wrong.set(`${status}`, (wrong.get(`${status}`) ?? 0) + 1);
  const listed = [...wrong].map(([what, count]) => `${count} ${what}`).join(', ');
  const again = repeated === 0 ? '' : `, ${repeated} repeated by the client`;
  return `${answers.length + failures.length} requests${again}, ${listed === '' ? 'none failed' : `failed: ${listed}`}`;
}

/** The share of answers of v2, in percent. */
export function shareOfV2({ answers }: RequestsReport): number {
  return (100 * answers.filter(([, , , version]) => version === 'v2').length) / Math.max(answers.length, 1);
}

/** The time from begin to end of the answers, at a share from 0 to 1, in milliseconds. */
export function tookAt(answers: readonly AnswerRow[], share: number): number {
  const times = answers.map(([, took]) => took).sort((a, b) => a - b);
  return times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
}

function statusOtherThan200({ answers }: RequestsReport): number {
  return answers.filter(([, , status]) => status !== 200).length;
}
