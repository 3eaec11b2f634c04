import type { KubeObject } from '@ambit/kube/resource';
import { REDIRECTION_ANNOTATION } from '@ambit/translation/enrolment';
import { UNINSTALLED_ANNOTATION } from './mark.ts';

export interface ListedPod extends KubeObject {
  readonly kind: 'Pod';
  readonly spec?: { readonly nodeName?: string };
  readonly status?: { readonly phase?: string };
}

export interface ListedNode extends KubeObject {
  readonly kind: 'Node';
  readonly status?: { readonly conditions?: readonly { readonly type?: string; readonly status?: string }[] };
}

export interface Listed {
  readonly nodes: readonly ListedNode[];
  /** The pods of the DaemonSet. */
  readonly agents: readonly ListedPod[];
  readonly pods: readonly ListedPod[];
}

/** What of the mesh is left on the nodes. */
export interface Remains {
  /** Ready nodes whose agent has not said that nothing is left, or that have pods of the mesh and no agent. */
  readonly nodes: readonly string[];
  /** Pods of the mesh on ready nodes, `namespace/name`. */
  readonly pods: readonly string[];
  /** Nodes that are not ready and have pods of the mesh. Nobody can wait for these. */
  readonly unreachable: readonly string[];
}

/** What is left, given the mark under which the mesh leaves. */
export function remainsOf({ nodes, agents, pods }: Listed, mark: string): Remains {
  const ready = new Set(nodes.filter(isReady).map(({ metadata }) => metadata.name));
  const enrolled = pods.filter(isEnrolled);
  const nodeOf = (pod: ListedPod): string => pod.spec?.nodeName ?? '';
  const agentNodes = new Set(agents.map(nodeOf));
  const silent = agents.filter((agent) => agent.metadata.annotations?.[UNINSTALLED_ANNOTATION] !== mark).map(nodeOf);
  const without = enrolled.map(nodeOf).filter((node) => !agentNodes.has(node));
  const there = (node: string): boolean => ready.has(node);
  return {
    nodes: [...new Set([...silent, ...without])].filter(there).toSorted(),
    pods: enrolled
      .filter((pod) => there(nodeOf(pod)))
      .map(nameOf)
      .toSorted(),
    unreachable: [...new Set(enrolled.map(nodeOf))].filter((node) => !there(node)).toSorted(),
  };
}

/** Names of the pods that are marked as redirected and have not ended. */
export function enrolledPods(pods: readonly ListedPod[]): string[] {
  return pods.filter(isEnrolled).map(nameOf).toSorted();
}

function isEnrolled({ metadata, status }: ListedPod): boolean {
  return (
    metadata.annotations?.[REDIRECTION_ANNOTATION] !== undefined &&
    status?.phase !== 'Succeeded' &&
    status?.phase !== 'Failed'
  );
}

function isReady({ status }: ListedNode): boolean {
  return status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;
}

function nameOf({ metadata }: ListedPod): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
