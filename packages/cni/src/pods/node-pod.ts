import { type IpAddress, parseIp } from '@ambit/core/address';
import type { KubeObject } from '@ambit/kube/resource';
import { REDIRECTION_ANNOTATION } from '@ambit/translation/enrolment';
import { POD_ADDRESSES } from '../limits.ts';

/** A Pod as the API server sends it; what is typed `unknown` is looked at before it is used. */
export interface PodObject extends KubeObject {
  readonly kind: 'Pod';
  readonly spec?: {
    readonly serviceAccountName?: unknown;
    readonly hostNetwork?: unknown;
    readonly nodeName?: unknown;
  };
  readonly status?: { readonly phase?: unknown; readonly podIP?: unknown; readonly podIPs?: unknown };
}

export type PodPhase = 'Failed' | 'Pending' | 'Running' | 'Succeeded' | 'Unknown';

/** What the agent needs to know of a pod. */
export interface NodePod {
  /** For events. */
  readonly object: PodObject;
  /** `namespace/name`. */
  readonly key: string;
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly hostNetwork: boolean;
  readonly phase: PodPhase;
  readonly terminating: boolean;
  /** Empty until the sandbox is ready. */
  readonly ips: readonly IpAddress[];
  /** Whether the API server's copy says that the pod is redirected. Proves nothing. */
  readonly announced: boolean;
}

const PHASES: readonly PodPhase[] = ['Failed', 'Pending', 'Running', 'Succeeded'];

/** Undefined for an object that is no whole Pod; the API server does not store such. */
export function nodePodOf(object: PodObject): NodePod | undefined {
  const { name, namespace, uid, labels = {}, annotations = {}, deletionTimestamp } = object.metadata;
  if (namespace === undefined || uid === undefined || !/^[A-Za-z0-9._-]{1,128}$/.test(uid)) return undefined;
  const account = object.spec?.serviceAccountName;
  return {
    object,
    key: `${namespace}/${name}`,
    uid,
    name,
    namespace,
    serviceAccount: typeof account === 'string' && account !== '' ? account : 'default',
    labels,
    annotations,
    hostNetwork: object.spec?.hostNetwork === true,
    phase: PHASES.find((phase) => phase === object.status?.phase) ?? 'Unknown',
    terminating: deletionTimestamp !== undefined,
    ips: addressesOf(object),
    announced: annotations[REDIRECTION_ANNOTATION] === 'enabled',
  };
}

/** Whether a pod has ended for good. */
export function hasEnded({ phase }: NodePod): boolean {
  return phase === 'Failed' || phase === 'Succeeded';
}

function addressesOf({ status }: PodObject): IpAddress[] {
  const listed: unknown[] = Array.isArray(status?.podIPs) ? status.podIPs : [];
  const texts = listed
    .slice(0, POD_ADDRESSES)
    .map((entry) => (typeof entry === 'object' && entry !== null && 'ip' in entry ? entry.ip : undefined));
  const all = [status?.podIP, ...texts].flatMap((text) => {
    const ip = typeof text === 'string' ? parseIp(text) : undefined;
    return ip === undefined ? [] : [ip];
  });
  return [...new Set(all)];
}
