import { AmbitError } from '@ambit/core/errors';
import { podsOfDeployment } from '@ambit/translation/deployment-pods';
import type { Model } from '@ambit/translation/model';
import { objectName, type Pod } from '@ambit/translation/objects';
import { NODE_NAMES, type NodeName } from './address-plan.ts';

const HOSTNAME_LABEL = 'kubernetes.io/hostname';
const HASH_LABEL = 'pod-template-hash';

/** The pods that a model wants, by `namespace/name`: those that stand in it and those of its Deployments. */
export function wantedPods(model: Model): Map<string, Pod> {
  const wanted = new Map([...model.pods.values()].map((pod) => [objectName(pod.metadata), pod]));
  for (const deployment of model.deployments.values()) {
    for (const pod of podsOfDeployment(deployment)) wanted.set(objectName(pod.metadata), pod);
  }
  return wanted;
}

/** What is known of a pod that has a node already. */
export interface PlacedPod {
  readonly node: NodeName;
  readonly wanted: Pod;
}

/**
 * The node for a pod: the one that it names, else the one with fewer pods of the same Deployment, else with fewer pods.
 * Throws `AMBIT_BED_SCHEDULE` when it asks for a node that is not there.
 */
export function chooseNode(pod: Pod, placed: readonly PlacedPod[]): NodeName {
  const named = pod.spec.nodeName ?? pod.spec.nodeSelector?.[HOSTNAME_LABEL];
  if (named !== undefined) {
    const node = NODE_NAMES.find((name) => name === named);
    if (node !== undefined) return node;
    throw new AmbitError(
      'AMBIT_BED_SCHEDULE',
      `pod ${objectName(pod.metadata)} asks for node ${named}; there are ${NODE_NAMES.join(' and ')}`,
      {
        source: 'configuration',
      },
    );
  }
  const weigh = (node: NodeName): number => {
    const here = placed.filter((other) => other.node === node);
    return here.filter((other) => isSibling(pod, other.wanted)).length * 1_000 + here.length;
  };
  return weigh('b') < weigh('a') ? 'b' : 'a';
}

/** Whether two pods are of the same Deployment, be it of different templates. */
export function isSibling(a: Pod, b: Pod): boolean {
  const owner = (pod: Pod): string | undefined => {
    const set = pod.metadata.ownerReferences?.find(({ kind }) => kind === 'ReplicaSet');
    const hash = pod.metadata.labels?.[HASH_LABEL];
    return set === undefined || hash === undefined ? undefined : set.name.slice(0, -hash.length);
  };
  const own = owner(a);
  return own !== undefined && own === owner(b) && a.metadata.namespace === b.metadata.namespace;
}
