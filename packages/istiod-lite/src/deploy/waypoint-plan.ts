import { messageOf } from '@ambit/core/errors';
import type { Gateway } from '@ambit/translation/gateway-objects';
import {
  type WaypointObjectSettings,
  type WaypointObjects,
  waypointObjects,
} from '@ambit/translation/waypoint-objects';
import { withOverlay } from './overlay.ts';

/** What is to stand in the cluster for a Gateway, or why that cannot be told. */
export type WaypointPlan =
  | { readonly objects: WaypointObjects }
  | { readonly reason: 'InvalidParameters'; readonly message: string };

const KEYS = ['deployment', 'service', 'serviceAccount', 'podDisruptionBudget'] as const;

/**
 * The objects of a waypoint with the overlays of its parameters, the data of a ConfigMap: `undefined` when the Gateway names
 * none, `missing` when it names one that is not there. Pure.
 */
export function waypointPlan(
  gateway: Gateway,
  settings: WaypointObjectSettings,
  parameters: Readonly<Record<string, string>> | 'missing' | undefined,
): WaypointPlan {
  const name = gateway.spec.infrastructure?.parametersRef?.name ?? '';
  const wrong = (message: string): WaypointPlan => ({
    reason: 'InvalidParameters',
    message: `ConfigMap ${gateway.metadata.namespace}/${name} ${message}; what was deployed before stays`,
  });
  if (parameters === 'missing') return wrong('does not exist');
  const unknown = Object.keys(parameters ?? {}).find((key) => !KEYS.some((known) => known === key));
  if (unknown !== undefined) return wrong(`has the key ${JSON.stringify(unknown)}; known are ${KEYS.join(', ')}`);
  let objects = waypointObjects(gateway, settings);
  for (const key of KEYS) {
    const overlay = parameters?.[key];
    if (overlay === undefined) continue;
    try {
      objects = { ...objects, [key]: withOverlay(objects[key], overlay) };
    } catch (error) {
      return wrong(`key ${key}: ${messageOf(error)}`);
    }
  }
  return { objects };
}
