import type { Bench } from '../mesh/bench.ts';
import { condition } from '../mesh/conditions.ts';
import { gatewayObject } from '../mesh/waypoint-objects.ts';
import { eventually } from '../test-cluster.ts';

const NAMESPACE = 'conformance-waypoint';
const NAME = 'shared';
/** Longest time until it serves, milliseconds. */
const READY_MS = 120_000;

/** What every namespace of the suite is labelled with: it takes part, and its Services are behind the shared waypoint. */
export const NAMESPACE_LABELS: Readonly<Record<string, string>> = {
  'istio.io/dataplane-mode': 'ambient',
  'istio.io/use-waypoint': NAME,
  'istio.io/use-waypoint-namespace': NAMESPACE,
};

/** One waypoint in a namespace of its own that all may use; resolves when it serves. */
export async function makeSharedWaypoint(bench: Bench): Promise<void> {
  await bench.apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
    gatewayObject(NAMESPACE, NAME),
  ]);
  await eventually(async () => {
    const { status, message } = await condition(bench, 'Programmed', 'gateway', NAME, NAMESPACE);
    if (status !== 'True') throw new Error(`the waypoint ${NAMESPACE}/${NAME} does not serve: ${message}`);
  }, READY_MS);
}

export async function removeSharedWaypoint(bench: Bench): Promise<void> {
  await bench.remove('namespace', NAMESPACE);
}
