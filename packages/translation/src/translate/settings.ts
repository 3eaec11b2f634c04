import type { PathNormalization } from '@ambit/proto/waypoint';
import { DEFAULT_REVISION } from './revision.ts';

/** What the mesh is called and where its mesh-wide objects stand. */
export interface TranslationSettings {
  readonly clusterId: string;
  /** Suffix of Service names. */
  readonly clusterDomain: string;
  readonly trustDomain: string;
  /** Namespace whose policies without selector hold for the whole mesh. */
  readonly rootNamespace: string;
  /** Network of pods that carry no label for it, when the root namespace carries none either. */
  readonly network: string;
  /** Whether policies in dry run are sent, for proxies that judge and do not enforce them. */
  readonly sendDryRunPolicies: boolean;
  /** What waypoints make of paths before they look at them (MeshConfig `pathNormalization`). */
  readonly pathNormalization: keyof typeof PathNormalization;
  /** The objects are a cluster's: other controllers act on classes of theirs, and parameters of Gateways can be read. */
  readonly inCluster: boolean;
  /** Gateways of other revisions (`istio.io/rev`) are left to the control planes of these. */
  readonly revision: string;
}

export const DEFAULT_SETTINGS: TranslationSettings = {
  clusterId: 'Kubernetes',
  clusterDomain: 'cluster.local',
  trustDomain: 'cluster.local',
  rootNamespace: 'istio-system',
  network: '',
  sendDryRunPolicies: false,
  pathNormalization: 'BASE',
  inCluster: false,
  revision: DEFAULT_REVISION,
};
