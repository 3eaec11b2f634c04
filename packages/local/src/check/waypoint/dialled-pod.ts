import type { Bench } from '../bench.ts';
import { type Check, demand, eventually } from '../check.ts';
import { movingNamespace } from '../manifests.ts';
import { directSince, type Door, isGreeted, refusedWhileAway, SERVES_WITHIN, VISIBLE_WITHIN } from './closed-door.ts';
import { gateway, L7_NAMESPACE } from './manifests.ts';

const GATEWAY = 'check-pods';
const NAMESPACE = 'moving';
const WAYPOINT = `${L7_NAMESPACE}/pods`;

export const dialledPod: Check<Bench> = {
  name: 'a pod that is dialled by its own address is reached through the waypoint of its namespace, and not while that is gone',
  limit: 90_000,
  run: async (bench) => {
    const door: Door = { waypoint: WAYPOINT, host: () => bench.pod('stayer').ip, server: 'stayer' };
    bench.apply(GATEWAY, gateway('pods', 1, 'workload'));
    bench.apply(
      NAMESPACE,
      movingNamespace(true, { 'istio.io/use-waypoint': 'pods', 'istio.io/use-waypoint-namespace': L7_NAMESPACE }),
    );
    try {
      const boundAt = await eventually(bench.clock, SERVES_WITHIN, 'the pod is reached by the waypoint', async () => {
        const since = bench.clock.wallTime();
        return (await isGreeted(bench, door)) && directSince(bench, door, since) === 0 ? since : undefined;
      });
      await eventually(bench.clock, VISIBLE_WITHIN, 'an access record of the waypoint with the pod', () =>
        Promise.resolve(isLogged(bench, boundAt) || undefined),
      );
      const said = await refusedWhileAway(bench, door);
      const direct = directSince(bench, door, boundAt);
      demand(direct === 0, `${direct} connections passed by the waypoint`);
      return said;
    } finally {
      bench.apply(NAMESPACE, movingNamespace(false));
      bench.remove(GATEWAY);
    }
  },
};

function isLogged(bench: Bench, since: number): boolean {
  const records = bench.waypoints(WAYPOINT).flatMap((waypoint) => waypoint.accessLog(since));
  return records.some(({ fields }) => String(fields['upstream_cluster']).endsWith('/check-moving/stayer'));
}
