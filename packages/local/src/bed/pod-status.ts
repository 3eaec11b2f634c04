import type { IpAddress } from '@ambit/core/address';
import { REDIRECTION_ANNOTATION } from '@ambit/translation/enrolment';
import type { Pod, PodStatus } from '@ambit/translation/objects';
import type { NodeName } from './address-plan.ts';

/** What is observed of a pod. */
export interface PodObservation {
  readonly uid: string;
  readonly node: NodeName;
  readonly ip: IpAddress;
  readonly phase: NonNullable<PodStatus['phase']>;
  readonly ready: boolean;
  /** Whether the controller is to be told that the pod speaks HBONE. */
  readonly captured: boolean;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly deletedAt: string | undefined;
}

/** The Pod as a cluster would show it: what was wanted, and what is. */
export function observedPod(wanted: Pod, seen: PodObservation): Pod {
  const annotations = { ...wanted.metadata.annotations };
  // The annotation is the bed's to write, whatever a manifest says.
  Reflect.deleteProperty(annotations, REDIRECTION_ANNOTATION);
  if (seen.captured) annotations[REDIRECTION_ANNOTATION] = 'enabled';
  const condition = (type: string, holds: boolean): { type: string; status: 'False' | 'True' } => ({
    type,
    status: holds ? 'True' : 'False',
  });
  return {
    ...wanted,
    metadata: {
      ...wanted.metadata,
      uid: seen.uid,
      creationTimestamp: seen.startedAt,
      ...(seen.deletedAt !== undefined && { deletionTimestamp: seen.deletedAt }),
      annotations,
    },
    spec: { ...wanted.spec, nodeName: seen.node },
    status: {
      phase: seen.phase,
      podIP: seen.ip,
      podIPs: [{ ip: seen.ip }],
      conditions: [condition('Ready', seen.ready), condition('ContainersReady', seen.ready)],
    },
  };
}
