import type { KubeObject } from '@ambit/kube/resource';
import { type CaptureDecision, captureOf } from '@ambit/translation/enrolment';
import type { NodePod } from './node-pod.ts';

export interface NamespaceObject extends KubeObject {
  readonly kind: 'Namespace';
}

/** A Namespace, as far as enrolment goes. */
export interface NamespaceFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function namespaceFacts(object: NamespaceObject): NamespaceFacts;
export function namespaceFacts(object: NamespaceObject | undefined): NamespaceFacts | undefined;
export function namespaceFacts(object: NamespaceObject | undefined): NamespaceFacts | undefined {
  return object && { name: object.metadata.name, labels: object.metadata.labels ?? {} };
}

export interface EligibilityOptions {
  readonly excludedNamespaces: readonly string[];
  /** Namespace of the mesh itself. */
  readonly meshNamespace: string;
}

/** The mesh's own programs by the prefix of their pods' names: the plugin knows nothing else of a pod. */
export const MESH_PODS: readonly string[] = ['istio-cni-node-', 'istiod-', 'ztunnel-'];

/** Whether a pod belongs into the mesh. The mesh's own programs never do: those who take others in cannot wait for each other. */
export function eligibility(
  pod: NodePod,
  namespace: NamespaceFacts | undefined,
  { excludedNamespaces, meshNamespace }: EligibilityOptions,
): CaptureDecision {
  if (pod.namespace === meshNamespace && MESH_PODS.some((prefix) => pod.name.startsWith(prefix)))
    return { captured: false, reason: 'the pod is part of the mesh' };
  const { name, labels, annotations, hostNetwork, phase } = pod;
  return captureOf(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: pod.namespace, labels, annotations },
      spec: { containers: [], hostNetwork },
      status: { phase },
    },
    namespace && {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace.name, namespace: '', labels: namespace.labels },
    },
    { excludedNamespaces },
  );
}

/** Whether the pods of a namespace are in the mesh unless they opt out. */
export function isEnrolledNamespace(
  { name, labels }: NamespaceFacts,
  { excludedNamespaces }: EligibilityOptions,
): boolean {
  return labels['istio.io/dataplane-mode'] === 'ambient' && !excludedNamespaces.includes(name);
}
