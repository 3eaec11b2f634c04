import { type KubeClient, KubeError } from '@ambit/kube/client';
import { DEPLOYMENTS, type KubeObject } from '@ambit/kube/resource';
import type { Deployment } from '@ambit/translation/objects';
import { fieldUnder, type RawObject } from '../watch/api-object.ts';

/** Of the number of pods alone, so that somebody else can take just that over. */
const FIELD_MANAGER = 'istio.io/mesh-controller-replicas';

interface Scale extends KubeObject {
  readonly kind: 'Deployment';
  readonly spec: { readonly replicas: number };
}

/** Deployments whose number of pods is somebody else's, and what was wanted and seen when that was found out. */
export class ScaledElsewhere {
  readonly #found = new Map<string, string>();

  has(deployment: string, wanted: number, seen: number): boolean {
    return this.#found.get(deployment) === `${wanted} ${seen}`;
  }

  /** Called with a Deployment that is gone. */
  forget({ metadata: { namespace = '', name } }: KubeObject): void {
    this.#found.delete(`${namespace}/${name}`);
  }

  note(deployment: string, wanted: number, seen: number): void {
    this.#found.set(deployment, `${wanted} ${seen}`);
  }
}

/**
 * Gives a Deployment its number of pods unless somebody else has set it (a HorizontalPodAutoscaler, `kubectl scale`), which
 * the API server tells by refusing to hand the field over. Whether something was written. Throws `KubeError`.
 */
export async function ensureReplicas(
  client: Pick<KubeClient, 'apply'>,
  facts: {
    readonly deployment: Deployment;
    readonly replicas: number;
    /** As it is known now; undefined right after it was made. */
    readonly running: RawObject | undefined;
    readonly scaled: ScaledElsewhere;
  },
): Promise<boolean> {
  const { deployment, replicas, running, scaled } = facts;
  const { name, namespace } = deployment.metadata;
  const seen = fieldUnder(running?.spec, 'replicas');
  if (seen === replicas) return false;
  // Whoever scales to none owns nothing: the API server leaves a number of 0 out of what it remembers of a Scale.
  if (seen === 0) return false;
  const known = typeof seen === 'number' ? seen : -1;
  if (scaled.has(`${namespace}/${name}`, replicas, known)) return false;
  const scale: Scale = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace }, spec: { replicas } };
  try {
    await client.apply(DEPLOYMENTS, scale, { fieldManager: FIELD_MANAGER });
    return true;
  } catch (error) {
    if (!(error instanceof KubeError && error.code === 'AMBIT_KUBE_CONFLICT')) throw error;
    scaled.note(`${namespace}/${name}`, replicas, known);
    return false;
  }
}
