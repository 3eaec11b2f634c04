import { createHash } from 'node:crypto';
import { AmbitError } from '@ambit/core/errors';
import { type KubeClient, KubeError } from '@ambit/kube/client';
import type { KubeObject, Resource } from '@ambit/kube/resource';
import { WAYPOINT_CONTROLLER } from '@ambit/translation/translate/waypoint/deployed-names';
import { contains } from './contains.ts';

/** One object that a Gateway is to have. */
export interface Wanted {
  readonly resource: Resource;
  readonly object: KubeObject;
  /** What is known of it without asking. */
  readonly observed: KubeObject | undefined;
  /** Of the Gateway. */
  readonly ownerUid: string;
}

/**
 * Makes objects as they are wanted by server-side apply, each only when something of it is missing. What belongs to somebody
 * else is never touched.
 */
export class OwnedObjects {
  readonly #client: Pick<KubeClient, 'get'>;
  readonly #writes: Pick<KubeClient, 'apply'>;
  /** What was applied last and to which state, so that what the API server writes in its own way is not applied for ever. */
  readonly #applied = new Map<string, string>();

  constructor(client: Pick<KubeClient, 'get'>, writes: Pick<KubeClient, 'apply'>) {
    this.#client = client;
    this.#writes = writes;
  }

  /** Whether something was written. Throws `AMBIT_NOT_OWNED` when the object is somebody else's, and `KubeError`. */
  async ensure(wanted: Wanted): Promise<boolean> {
    const { resource, object, ownerUid } = wanted;
    const observed = wanted.observed ?? (await this.#find(wanted));
    if (observed !== undefined) {
      if (!isOwned(observed, ownerUid)) {
        // A ServiceAccount of the user's own choice is used as it is.
        if (resource.kind === 'ServiceAccount') return false;
        const name = `${resource.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name}`;
        throw new AmbitError('AMBIT_NOT_OWNED', `${name} exists and is not this Gateway's, so it is left alone`, {
          source: 'configuration',
        });
      }
      if (contains(observed, object)) return false;
    }
    const key = `${ownerUid} ${resource.kind} ${object.metadata.name}`;
    const mark = markOf(object, observed);
    if (observed !== undefined && this.#applied.get(key) === mark) return false;
    const result = await this.#writes.apply(resource, object, { fieldManager: WAYPOINT_CONTROLLER, force: true });
    this.#applied.set(key, markOf(object, result));
    return true;
  }

  /** Forgets what was applied for Gateways but these, by their uid. */
  retain(owners: ReadonlySet<string>): void {
    for (const key of this.#applied.keys()) {
      if (!owners.has(key.slice(0, key.indexOf(' ')))) this.#applied.delete(key);
    }
  }

  async #find({ resource, object }: Wanted): Promise<KubeObject | undefined> {
    try {
      return await this.#client.get(resource, object.metadata.name, object.metadata.namespace);
    } catch (error) {
      if (error instanceof KubeError && error.code === 'AMBIT_KUBE_NOT_FOUND') return undefined;
      throw error;
    }
  }
}

/** Whether an object is a Gateway's. */
export function isOwned({ metadata }: Pick<KubeObject, 'metadata'>, uid: string): boolean {
  return metadata.ownerReferences?.some((owner) => owner.kind === 'Gateway' && owner.uid === uid) === true;
}

function markOf(wanted: KubeObject, observed: KubeObject | undefined): string {
  const { uid = '', resourceVersion = '' } = observed?.metadata ?? {};
  return `${createHash('sha256').update(JSON.stringify(wanted)).digest('base64')} ${uid} ${resourceVersion}`;
}
