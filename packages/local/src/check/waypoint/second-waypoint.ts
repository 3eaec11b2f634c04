import type { Bench } from '../bench.ts';
import { type Check, demand, eventually, pause } from '../check.ts';
import { byWaypoint, demandAllAnswered, httpAt } from './answers.ts';
import { SERVES_WITHIN, VISIBLE_WITHIN } from './closed-door.ts';
import { gateway, L7_NAMESPACE, WAYPOINT } from './manifests.ts';

const MANIFEST = 'check-shared';
const SECOND_MANIFEST = 'check-second';
const SECOND = `${L7_NAMESPACE}/second`;
const SERVICE = `shared.${L7_NAMESPACE}`;
/** New connections of each step: the waypoint is drawn for each. */
const REQUESTS = 200;
/** A change is known to the node proxies within so many milliseconds. */
const IN_FORCE_WITHIN = 1_000;
/** At one half: five standard deviations, rounded up. */
const TOLERANCE = 36;

/** The Service: behind the first waypoint, and with `weight` percent of its connections behind the second. */
function sharedService(weight?: number): string {
  const labels = {
    'istio.io/use-waypoint': 'waypoint',
    ...(weight === undefined ? {} : { 'istio.io/use-waypoint-canary': 'second' }),
  };
  const annotations = weight === undefined ? {} : { 'istio.io/use-waypoint-canary-weight': `${weight}` };
  return `apiVersion: v1
kind: Service
metadata:
  name: shared
  namespace: ${L7_NAMESPACE}
  labels: ${JSON.stringify(labels)}
  annotations: ${JSON.stringify(annotations)}
spec:
  selector: {app: backend}
  ports: [{name: http, port: 8080}]
`;
}

export const secondWaypoint: Check<Bench> = {
  name: 'a second waypoint gets its share of the connections of a Service: nothing before it is there, then 0, 50 and 100 %, and nothing afterwards',
  limit: 120_000,
  run: async (bench) => {
    const parts: string[] = [];
    const step = async (what: string, expected: number, tolerance = 0): Promise<void> => {
      const share = await shareOfSecond(bench, `/${parts.length}`);
      demand(Math.abs(share - expected) <= tolerance, `${what}: ${share} of ${REQUESTS} by the second`);
      parts.push(`${what}: ${share}`);
    };
    const put = async (weight?: number): Promise<void> => {
      bench.apply(MANIFEST, sharedService(weight));
      await pause(bench.clock, IN_FORCE_WITHIN);
    };
    try {
      bench.apply(MANIFEST, sharedService(100));
      await byWaypoint(bench, SERVICE, WAYPOINT);
      await step('not there', 0);
      bench.apply(SECOND_MANIFEST, gateway('second', 1));
      await byWaypoint(bench, SERVICE, SECOND);
      await step('100 %', REQUESTS);
      await put(50);
      await step('50 %', REQUESTS / 2, TOLERANCE);
      await put(0);
      await step('0 %', 0);
      await put(100);
      await step('100 % again', REQUESTS);
      await put();
      await step('without the label', 0);
      await put(100);
      bench.remove(SECOND_MANIFEST);
      await eventually(bench.clock, SERVES_WITHIN, 'the second is gone', () =>
        Promise.resolve(bench.waypoints(SECOND).length === 0 || undefined),
      );
      await step('gone', 0);
      return `of ${REQUESTS} connections each, by the second: ${parts.join(', ')}`;
    } finally {
      bench.remove(SECOND_MANIFEST);
      bench.remove(MANIFEST);
    }
  },
};

/** Sends requests, each on a connection of its own, all of which have to be answered; how many the second waypoint saw. */
async function shareOfSecond(bench: Bench, path: string): Promise<number> {
  const since = bench.clock.wallTime();
  const asked = { ...httpAt(bench, SERVICE), path, loops: 4, total: REQUESTS, keepAlive: false };
  demandAllAnswered(await bench.pod('client').requests(asked));
  const seenBy = (waypoint: string): number => {
    const records = bench.waypoints(waypoint).flatMap((one) => one.accessLog(since));
    return records.filter(({ fields }) => fields['path'] === path).length;
  };
  return await eventually(bench.clock, VISIBLE_WITHIN, 'a record of each request', () => {
    const second = seenBy(SECOND);
    return Promise.resolve(seenBy(WAYPOINT) + second === REQUESTS ? second : undefined);
  });
}
