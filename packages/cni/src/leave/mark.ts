import type { KubeObject } from '@ambit/kube/resource';

/** The DaemonSet that the agents are pods of, as Istio's chart names it, and the label of its pods. */
export const DAEMONSET_NAME: string = 'istio-cni-node';
export const AGENT_SELECTOR: string = 'k8s-app=istio-cni-node';

/**
 * Annotations of the DaemonSet by which the mesh leaves the cluster before anything that its pods need is deleted: a mark
 * that names the attempt, and how long redirected connections may go on (`60s`).
 */
export const UNINSTALL_ANNOTATION: string = 'ambit.io/uninstall';
export const DRAIN_ANNOTATION: string = 'ambit.io/uninstall-drain';

/**
 * Annotations of the DaemonSet: the revision of the release that the mark was meant for, and the one that is installed. A
 * release that was upgraded or rolled back since is meant to stay.
 */
export const UNINSTALL_REVISION_ANNOTATION: string = 'ambit.io/uninstall-revision';
const RELEASE_REVISION_ANNOTATION = 'ambit.io/release-revision';

/** Annotation of an agent's own Pod: the mark under which nothing of the mesh is left on its node. */
export const UNINSTALLED_ANNOTATION: string = 'ambit.io/uninstalled';

export interface DaemonSetObject extends KubeObject {
  readonly kind: 'DaemonSet';
}

/** What becomes of the agents: they stay (or come back), they take the mesh away, or they are gone for good. */
export type Fate =
  | { readonly kind: 'gone' }
  | { readonly kind: 'stays' }
  | {
      readonly kind: 'leaves';
      readonly mark: string;
      /** Milliseconds. */
      readonly drain: number;
    };

/** What the state of the DaemonSet means for its agents. */
export function fateOf(change: 'added' | 'deleted' | 'modified', { metadata }: DaemonSetObject): Fate {
  const { annotations = {}, deletionTimestamp } = metadata;
  const mark = annotations[UNINSTALL_ANNOTATION];
  if (mark !== undefined && change !== 'deleted' && !isOutlived(annotations))
    return { kind: 'leaves', mark, drain: drainOf(annotations[DRAIN_ANNOTATION] ?? '') };
  return change === 'deleted' || deletionTimestamp !== undefined ? { kind: 'gone' } : { kind: 'stays' };
}

function isOutlived(annotations: Readonly<Record<string, string>>): boolean {
  const [meant, installed] = [UNINSTALL_REVISION_ANNOTATION, RELEASE_REVISION_ANNOTATION].map((name) =>
    /^[0-9]{1,9}$/.test(annotations[name] ?? '') ? Number(annotations[name]) : undefined,
  );
  return meant !== undefined && installed !== undefined && installed > meant;
}

/** Milliseconds of `60s`; 0 for what is no such text, because somebody wants the mesh to go. */
function drainOf(text: string): number {
  const [, number = '0', unit] = /^([0-9]{1,6})(s|m)$/.exec(text) ?? [];
  return Number(number) * (unit === 'm' ? 60_000 : 1_000);
}
