import { valueOf } from '../../labels.ts';
import type { Namespace } from '../../objects.ts';
import { type Condition, conditionOf } from '../condition.ts';

/** Annotation of a Namespace, for its Services whose waypoint is not ready. */
const FAILURE_MODE = 'ambit.io/waypoint-failure-mode';

/**
 * `closed`: they are never reached without their waypoint, also before it was ready for the first time. `open`: they are
 * reached directly, without the policies that wait there. `auto`, when nothing is written: closed once the waypoint was
 * ready or a policy waits there, open before.
 */
export type FailureMode = 'auto' | 'closed' | 'open';

export function failureModeOf(namespace: Namespace | undefined): FailureMode {
  const text = valueOf(namespace?.metadata.annotations, FAILURE_MODE);
  return text === 'closed' || text === 'open' ? text : 'auto';
}

/** Complains of a mode that does not exist. */
export function failureModeConditions(namespaces: Iterable<Namespace>): Condition[] {
  return [...namespaces].flatMap((namespace) => {
    const text = valueOf(namespace.metadata.annotations, FAILURE_MODE);
    if (text === undefined || text === failureModeOf(namespace)) return [];
    const message = `the annotation ${FAILURE_MODE} must be closed or open; the default holds`;
    return [conditionOf(namespace, 'istio.io/WaypointBound', 'False', 'UnsupportedValue', message)];
  });
}
