import { valueOf } from '../labels.ts';
import type { Pod, Texts } from '../objects.ts';

/** How telemetry names a pod. */
export interface WorkloadNames {
  readonly workloadName: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
}

/** Names after what made the pod: the Deployment behind a ReplicaSet, the CronJob behind a Job; labels override. */
export function workloadNamesOf(pod: Pod): WorkloadNames {
  return namesByLabels(pod.metadata.labels, controllerName(pod));
}

/** Names by labels, else `name`. */
export function namesByLabels(labels: Texts | undefined, name: string): WorkloadNames {
  const first = (...keys: string[]): string | undefined =>
    keys.map((key) => valueOf(labels, key)).find((value) => value !== undefined && value !== '');
  const workloadName = first('service.istio.io/workload-name') ?? name;
  return {
    workloadName,
    canonicalName: first('service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app') ?? workloadName,
    canonicalRevision: first('service.istio.io/canonical-revision', 'app.kubernetes.io/version', 'version') ?? 'latest',
  };
}

function controllerName({ metadata }: Pod): string {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return metadata.name;
  if (owner.kind === 'ReplicaSet') {
    const suffix = `-${valueOf(metadata.labels, 'pod-template-hash') ?? ''}`;
    return suffix !== '-' && owner.name.endsWith(suffix) ? owner.name.slice(0, -suffix.length) : owner.name;
  }
  // A CronJob appends the minute of the run.
  if (owner.kind === 'Job') return owner.name.replace(/-\d{8,10}$/, '');
  return owner.name;
}
