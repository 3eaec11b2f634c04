import { valueOf } from './labels.ts';
import type { Namespace, Pod } from './objects.ts';

/** Label of a Namespace or Pod that puts it into the mesh (`ambient`) or keeps it out (`none`); the Pod's beats the Namespace's. */
const DATAPLANE_MODE_LABEL = 'istio.io/dataplane-mode';

/** Annotation that whoever captures a pod writes (`enabled`) once its traffic is redirected. */
export const REDIRECTION_ANNOTATION = 'ambient.istio.io/redirection';

export interface CaptureOptions {
  /** Namespaces whose pods are never captured, whatever their labels. Default `kube-system`. */
  readonly excludedNamespaces?: readonly string[];
}

export interface CaptureDecision {
  readonly captured: boolean;
  /** One phrase, for logs. */
  readonly reason: string;
}

/** Whether the traffic of a pod should be redirected into the node's proxy, by Istio's default rules of enrolment. */
export function captureOf(pod: Pod, namespace: Namespace | undefined, options: CaptureOptions = {}): CaptureDecision {
  const { excludedNamespaces = ['kube-system'] } = options;
  const own = valueOf(pod.metadata.labels, DATAPLANE_MODE_LABEL);
  const inherited = valueOf(namespace?.metadata.labels, DATAPLANE_MODE_LABEL);
  if (own === 'none') return { captured: false, reason: 'the pod opts out' };
  if (own !== 'ambient' && inherited !== 'ambient')
    return { captured: false, reason: 'neither pod nor namespace is labelled' };
  if (pod.spec.hostNetwork === true) return { captured: false, reason: 'the pod uses the network of its node' };
  if (valueOf(pod.metadata.annotations, 'sidecar.istio.io/status') !== undefined) {
    return { captured: false, reason: 'the pod has a sidecar' };
  }
  if (excludedNamespaces.includes(pod.metadata.namespace))
    return { captured: false, reason: 'the namespace is excluded' };
  if (isTerminal(pod)) return { captured: false, reason: 'the pod has ended' };
  return { captured: true, reason: own === 'ambient' ? 'the pod is labelled' : 'the namespace is labelled' };
}

/** Whether a pod speaks HBONE now: its traffic is redirected. */
export function isCaptured(pod: Pod): boolean {
  return pod.spec.hostNetwork !== true && valueOf(pod.metadata.annotations, REDIRECTION_ANNOTATION) === 'enabled';
}

/** Whether a pod has ended for good. */
export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Whether a pod takes traffic: it is ready and not on its way out. */
export function isReadyPod(pod: Pod): boolean {
  return says(pod, 'Ready') && !isTerminal(pod) && pod.metadata.deletionTimestamp === undefined;
}

/**
 * Whether a pod would serve what comes, as far as its own node said last: its probes succeed, even if it is on its way out,
 * or if the cluster has not heard of its node for a while and therefore calls its pods unready. After an outage of the API
 * server that happens to all nodes at once.
 */
export function isServingPod(pod: Pod): boolean {
  if (isTerminal(pod)) return false;
  return says(pod, 'Ready') || ((pod.spec.readinessGates ?? []).length === 0 && says(pod, 'ContainersReady'));
}

function says({ status }: Pod, condition: string): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === condition && value === 'True') === true;
}
