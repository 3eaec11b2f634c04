import type { IpAddress } from '@ambit/core/address';
import type { Container, Pod, Probe, Texts } from '@ambit/translation/objects';
import { PAUSE_IMAGE } from './images.ts';

/** A pod as tests and tools describe it; the same as a manifest, in fewer words. */
export interface PodPlan {
  readonly name: string;
  /** Default `default`. */
  readonly namespace?: string;
  /** Default: the pod's name. */
  readonly serviceAccount?: string;
  readonly labels?: Texts;
  readonly annotations?: Texts;
  /** Default: the next free one of the node. */
  readonly ip?: IpAddress;
  /** Default: nothing runs until `run` or `start` is called. */
  readonly command?: readonly string[];
  /** Image that the command runs in, see `BedOptions.images`. Default: the root folder of this machine. */
  readonly image?: string;
  readonly env?: Texts;
  /** Ports of the container by name, for Services and probes that name them. */
  readonly ports?: Readonly<Record<string, number>>;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
}

/** The image that stands for this machine's root folder. */
export const MACHINE_IMAGE: string = 'this-machine';

/** The Pod object that a plan means, without what the bed adds. */
export function podObject(plan: PodPlan): Pod {
  const container: Container = {
    name: plan.name,
    image: plan.image ?? (plan.command === undefined ? PAUSE_IMAGE : MACHINE_IMAGE),
    ...(plan.command && { command: plan.command }),
    ...(plan.env && { env: Object.entries(plan.env).map(([name, value]) => ({ name, value })) }),
    ...(plan.ports && { ports: Object.entries(plan.ports).map(([name, containerPort]) => ({ name, containerPort })) }),
    ...(plan.readinessProbe && { readinessProbe: plan.readinessProbe }),
    ...(plan.livenessProbe && { livenessProbe: plan.livenessProbe }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: plan.name,
      namespace: plan.namespace ?? 'default',
      ...(plan.labels && { labels: plan.labels }),
      ...(plan.annotations && { annotations: plan.annotations }),
    },
    spec: { serviceAccountName: plan.serviceAccount ?? plan.name, containers: [container] },
  };
}
