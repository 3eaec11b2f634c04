import type { MessageInitShape } from '@bufbuild/protobuf';
import { type FailoverCriterionSchema, type LocalityPreferenceSchema, LocalityScope } from '@ambit/proto/waypoint';
import type { LocalityLb } from '../../locality-objects.ts';
import type { Texts } from '../../objects.ts';

export type LocalityPreferenceInit = MessageInitShape<typeof LocalityPreferenceSchema>;

/** What decides, from the nearest on: the DestinationRule, the Service, the mesh. */
export interface LocalitySources {
  /** Of the DestinationRule. */
  readonly own: LocalityLb | undefined;
  /** Whether the Service prefers some endpoints itself (`trafficDistribution`, `internalTrafficPolicy`). */
  readonly servicePrefers: boolean;
  readonly mesh: LocalityLb;
  /** Without it nothing fails over, as in Istio: what does not answer would never be passed over. */
  readonly detectsOutliers: boolean;
}

/** The setting that holds; undefined: what the Service itself prefers, or nothing. */
export function localityOf({ own, servicePrefers, mesh, detectsOutliers }: LocalitySources): LocalityLb | undefined {
  if (own !== undefined) {
    return own.enabled === false || isDistributed(own) || (detectsOutliers && !hasUnknownLabel(own)) ? own : undefined;
  }
  if (servicePrefers || mesh.enabled === false || hasUnknownLabel(mesh)) return undefined;
  return isDistributed(mesh) || detectsOutliers ? mesh : undefined;
}

/** `labelled`: the workloads with labels; undefined: there are more than can be listed. */
export function localityPreference(
  setting: LocalityLb,
  labelled: (labels: Texts) => string[] | undefined,
): LocalityPreferenceInit | undefined {
  const { enabled, distribute = [], failover = [], failoverPriority = [] } = setting;
  if (enabled === false) return {};
  if (distribute.length > 0) {
    return {
      distributions: distribute.map(({ from = '', to = {} }) => ({
        from,
        to: Object.entries(to)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([locality, weight]) => ({ locality, weight })),
      })),
    };
  }
  const criteria: MessageInitShape<typeof FailoverCriterionSchema>[] = [];
  for (const text of failoverPriority) {
    const [label = '', value] = text.split('=');
    const scope = SCOPES.get(label);
    if (scope !== undefined) {
      criteria.push({ scope, ...(value === undefined ? {} : { value }) });
      continue;
    }
    const workloadUids = labelled({ [label]: value ?? '' });
    if (workloadUids === undefined) return undefined;
    criteria.push({ workloadUids });
  }
  return { failover: true, criteria, regions: failover.map(({ from = '', to = '' }) => ({ from, to })) };
}

/** What of a setting has no effect, by its fields. */
export function localityNotHonoured(setting: LocalityLb | undefined, detectsOutliers: boolean, path: string): string[] {
  if (setting === undefined || setting.enabled === false || isDistributed(setting)) return [];
  const { failover = [], failoverPriority = [] } = setting;
  const fields = [
    ...(failover.length > 0 ? [`${path}.failover`] : []),
    ...(failoverPriority.length > 0 ? [`${path}.failoverPriority`] : []),
  ];
  if (!detectsOutliers) return fields.map((field) => `${field} without outlierDetection`);
  return failoverPriority.flatMap((text, index) =>
    isKnown(text) ? [] : [`${path}.failoverPriority[${index}] ${text} without a value`],
  );
}

function hasUnknownLabel({ failoverPriority = [] }: LocalityLb): boolean {
  return !failoverPriority.every((text) => isKnown(text));
}

/** Labels of waypoints themselves are not looked at, but for their place. */
function isKnown(text: string): boolean {
  return text.includes('=') || SCOPES.has(text);
}

function isDistributed({ distribute = [] }: LocalityLb): boolean {
  return distribute.length > 0;
}

const SCOPES: ReadonlyMap<string, LocalityScope> = new Map([
  ['topology.kubernetes.io/region', LocalityScope.REGION],
  ['topology.kubernetes.io/zone', LocalityScope.ZONE],
  ['topology.istio.io/subzone', LocalityScope.SUBZONE],
  ['kubernetes.io/hostname', LocalityScope.NODE],
  ['topology.istio.io/cluster', LocalityScope.CLUSTER],
  ['topology.istio.io/network', LocalityScope.NETWORK],
]);
