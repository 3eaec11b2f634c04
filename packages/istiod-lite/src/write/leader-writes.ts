import { AmbitError } from '@ambit/core/errors';
import type { KubeClient } from '@ambit/kube/client';
import type { ApplyOptions, DeleteOptions } from '@ambit/kube/client-options';
import type { KubeObject, Resource } from '@ambit/kube/resource';
import { LEADER_WRITE_MS } from '../limits.ts';

/** One attempt, over before another replica may lead; who wants to write goes on trying by itself. */
const ONCE = { timeout: LEADER_WRITE_MS, attempts: 1 } as const;

/**
 * Writes of the replica that leads. What takes several writes may outlive the leadership in which it began, and must not go
 * on beside the next leader, which may be of another release: each write asks again. Rejects with `AMBIT_NOT_LEADING`, and
 * as the client does.
 */
export class LeaderWrites implements Pick<KubeClient, 'apply' | 'create' | 'delete'> {
  readonly #client: Pick<KubeClient, 'apply' | 'create' | 'delete'>;
  readonly #isLeading: () => boolean;

  constructor(client: Pick<KubeClient, 'apply' | 'create' | 'delete'>, isLeading: () => boolean) {
    this.#client = client;
    this.#isLeading = isLeading;
  }

  async apply<T extends KubeObject>(resource: Resource<T['kind']>, object: T, options: ApplyOptions): Promise<T> {
    this.#requireLeading();
    return await this.#client.apply(resource, object, { ...options, ...ONCE });
  }

  async create<T extends KubeObject>(resource: Resource<T['kind']>, object: T): Promise<T> {
    this.#requireLeading();
    return await this.#client.create(resource, object, ONCE);
  }

  async delete(resource: Resource, name: string, namespace?: string, options: DeleteOptions = {}): Promise<boolean> {
    this.#requireLeading();
    return await this.#client.delete(resource, name, namespace, { ...options, ...ONCE });
  }

  #requireLeading(): void {
    if (this.#isLeading()) return;
    throw new AmbitError('AMBIT_NOT_LEADING', 'this replica leads no more, and leaves the rest to the one that does', {
      source: 'system',
      retryable: true,
    });
  }
}

/** Whether a write was left to the next leader. */
export function isNotLeading(error: unknown): boolean {
  return error instanceof AmbitError && error.code === 'AMBIT_NOT_LEADING';
}
