import type { Bench } from '../bench.ts';
import { type Check, demand, eventually } from '../check.ts';
import { withManifest } from '../policy/refusal.ts';
import { byWaypoint, httpAt } from './answers.ts';
import { L7_NAMESPACE, WAYPOINT } from './manifests.ts';

const SERVICE = 'steady';
const IN_FORCE_WITHIN = 3_000;
const VISIBLE_WITHIN = 5_000;
const ADMITTED = 20;
const REQUESTS = 400;
/** Connections, which the pods of the waypoint and their data threads share. */
const LOOPS = 16;

/** So many in a month, of each run. */
const LIMIT = `apiVersion: policy.ambit.io/v1alpha1
kind: LocalRateLimitPolicy
metadata: {name: limited, namespace: ${L7_NAMESPACE}}
spec:
  targetRefs: [{group: "", kind: Service, name: ${SERVICE}}]
  rules:
    - {name: runs, key: [{type: SourcePrincipal}, {type: Header, name: x-run}], limit: {requests: ${ADMITTED}, interval: 744h}}
`;

export const rateLimited: Check<Bench> = {
  name: 'a LocalRateLimitPolicy lets through what it admits, to the request, over all data threads of each waypoint pod; the rest gets 429',
  limit: 60_000,
  run: async (bench) => {
    await byWaypoint(bench, `${SERVICE}.${L7_NAMESPACE}`, WAYPOINT);
    const since = bench.clock.wallTime();
    const seen: number[] = [];
    await withManifest(bench, 'check-limited', LIMIT, async () => {
      await eventually(bench.clock, IN_FORCE_WITHIN, 'requests are limited', async () =>
        ((await statuses(bench, 'first'))[429] ?? 0) > 0 ? true : undefined,
      );
      for (const run of ['second', 'third']) {
        const found = await statuses(bench, run);
        const { 200: passed = 0, 429: refused = 0 } = found;
        // Each pod counts by itself, and a client may have been led to one of them alone.
        const isExact = passed % ADMITTED === 0 && passed > 0 && passed <= bench.waypoints(WAYPOINT).length * ADMITTED;
        demand(isExact && passed + refused === REQUESTS, `answers by status: ${JSON.stringify(found)}`);
        seen.push(passed);
      }
      await eventually(bench.clock, VISIBLE_WITHIN, 'an access record that names the policy', () => {
        const records = bench.waypoints(WAYPOINT).flatMap((waypoint) => waypoint.accessLog(since));
        return Promise.resolve(records.find(({ fields }) => fields['policy'] === `${L7_NAMESPACE}/limited`));
      });
    });
    await eventually(bench.clock, IN_FORCE_WITHIN, 'without the policy all pass', async () =>
      (await statuses(bench, 'second'))[200] === REQUESTS ? true : undefined,
    );
    return `${ADMITTED} are admitted by each pod; of ${REQUESTS} requests on ${LOOPS} connections passed ${seen.join(' and ')}`;
  },
};

async function statuses(bench: Bench, run: string): Promise<Readonly<Record<number, number>>> {
  const at = httpAt(bench, `${SERVICE}.${L7_NAMESPACE}`);
  const options = { ...at, headers: { 'x-run': run }, loops: LOOPS, total: REQUESTS };
  const { answers } = await bench.pod('client').requests(options);
  const found: Record<number, number> = {};
  for (const [, , status] of answers) found[status] = (found[status] ?? 0) + 1;
  return found;
}
