import { decodeManifests } from '@ambit/translation/decode';
import { buildModel } from '@ambit/translation/model';
import { translate } from '@ambit/translation/translate';
import { DEFAULT_SETTINGS } from '@ambit/translation/translate/settings';
import type { DeployProblem } from '../deploy/waypoint-deployer.ts';
import type { MeshSnapshot } from '../model/mesh-state.ts';
import type { Refusal } from '../watch/configuration.ts';
import type { RawObject } from '../watch/api-object.ts';
import type { DesiredStatus } from './desired-status.ts';
import { FactsByObject } from './facts-by-object.ts';
import { gatewayStatuses } from './gateway-statuses.ts';
import { plainStatuses } from './plain-statuses.ts';
import { routeStatuses } from './route-statuses.ts';

/** What manifests mean on a cluster, where some objects may be refused. */
export function snapshotOf(text: string, refusals: readonly Refusal[] = []): MeshSnapshot {
  const decoded = decodeManifests('test.yaml', text);
  if (decoded.problems.length > 0) throw new Error(JSON.stringify(decoded.problems));
  const { model } = buildModel([{ role: 'manifest', decoded }]);
  return { model, translation: translate(model, { ...DEFAULT_SETTINGS, inCluster: true }), refusals, changedAt: 0 };
}

/** The statuses that a snapshot asks for. */
export function statusesOf(
  snapshot: MeshSnapshot,
  deployProblems: ReadonlyMap<string, DeployProblem> = new Map(),
): DesiredStatus[] {
  const facts = new FactsByObject(snapshot);
  const { revision } = DEFAULT_SETTINGS;
  const raw = (name: string): RawObject | undefined => {
    if (snapshot.model.gateways.has(name)) return undefined;
    return { apiVersion: '', kind: 'Gateway', metadata: { name }, spec: { gatewayClassName: 'istio-waypoint' } };
  };
  return [
    ...plainStatuses(snapshot, facts),
    ...gatewayStatuses(snapshot, facts, { clusterDomain: 'cluster.local', revision, deployProblems, raw }),
    ...routeStatuses(snapshot.model, facts, (name) => snapshot.translation.waypoints.has(name)),
  ];
}
