import type { Clock } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import type { KubeClient } from '@ambit/kube/client';
import type { Resource } from '@ambit/kube/resource';
import type { RawObject } from '../watch/api-object.ts';
import { WorkQueue, type WorkQueueParts } from '../write/work-queue.ts';
import { type DesiredStatus, statusKey } from './desired-status.ts';
import { statusBody } from './status-body.ts';

export interface StatusApplierParts<Kind extends string> extends Pick<WorkQueueParts, 'counters' | 'log'> {
  readonly writes: Pick<KubeClient, 'apply'>;
  readonly clock: Clock;
  readonly resourceOf: (kind: Kind) => Resource;
  /** An object as the API server gave it last. */
  readonly object: (kind: Kind, name: string) => RawObject | undefined;
}

/** Makes statuses say what is desired, while this replica leads. Nothing is written that stands there already. */
export class StatusApplier<Kind extends string> implements Drainable {
  readonly #parts: StatusApplierParts<Kind>;
  readonly #queue: WorkQueue;
  #desired: ReadonlyMap<string, DesiredStatus<Kind>> = new Map();
  /** What did not become as desired, because somebody else owns it, so that it is not written for ever. */
  readonly #unmoved = new Map<string, string>();
  /** What was written, and what the watch knew then. */
  readonly #written = new Map<string, { readonly watched: RawObject; readonly after: RawObject }>();

  constructor(parts: StatusApplierParts<Kind>) {
    const { clock, log, counters } = parts;
    this.#parts = parts;
    this.#queue = new WorkQueue({ clock, log, counters, what: 'status', reconcile: (key) => this.#reconcile(key) });
  }

  /** What is desired is to be told again after that. */
  lead(leading: boolean): void {
    this.#written.clear();
    this.#unmoved.clear();
    this.#queue.enable(leading);
  }

  /** All that is desired from now on. */
  want(statuses: readonly DesiredStatus<Kind>[]): void {
    this.#desired = new Map(statuses.map((desired) => [statusKey(desired), desired]));
    for (const remembered of [this.#unmoved, this.#written]) {
      for (const key of remembered.keys()) if (!this.#desired.has(key)) remembered.delete(key);
    }
    for (const desired of statuses) this.#check(desired);
  }

  /** Called with every object that changed, its status perhaps. */
  noticed(kind: Kind, name: string): void {
    const desired = this.#desired.get(statusKey({ kind, name }));
    if (desired !== undefined) this.#check(desired);
  }

  async close(options: { deadline: number }): Promise<void> {
    await this.#queue.close(options);
  }

  destroy(): void {
    this.#queue.destroy();
  }

  #check(desired: DesiredStatus<Kind>): void {
    const raw = this.#latest(desired);
    if (raw === undefined || statusBody(desired, raw, this.#parts.clock.wallTime()) === undefined) return;
    const key = statusKey(desired);
    if (this.#unmoved.get(key) !== markOf(desired, raw)) this.#queue.add(key);
  }

  async #reconcile(key: string): Promise<boolean> {
    const { writes, clock } = this.#parts;
    const desired = this.#desired.get(key);
    const raw = desired === undefined ? undefined : this.#latest(desired);
    if (desired === undefined || raw === undefined) return false;
    const body = statusBody(desired, raw, clock.wallTime());
    if (body === undefined) return false;
    const { name, namespace, uid, resourceVersion } = raw.metadata;
    const resource = this.#parts.resourceOf(desired.kind);
    const status: RawObject = {
      apiVersion: resource.group === '' ? resource.version : `${resource.group}/${resource.version}`,
      kind: resource.kind,
      metadata: {
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(body.locked && resourceVersion !== undefined ? { resourceVersion } : {}),
      },
      status: body.status,
    };
    const watched = this.#parts.object(desired.kind, desired.name);
    const after = await writes.apply(resource, status, {
      fieldManager: desired.fieldManager,
      force: true,
      subresource: 'status',
    });
    // Meanwhile the object may have gone, and nobody would forget what is remembered of it.
    if (!this.#desired.has(key)) return true;
    if (watched !== undefined) this.#written.set(key, { watched, after });
    if (statusBody(desired, after, clock.wallTime()) === undefined) this.#unmoved.delete(key);
    else this.#unmoved.set(key, markOf(desired, after));
    return true;
  }

  /** An object as it is since this wrote to it, until the watch tells of it: else the same would be written once more. */
  #latest(desired: DesiredStatus<Kind>): RawObject | undefined {
    const key = statusKey(desired);
    const watched = this.#parts.object(desired.kind, desired.name);
    const written = this.#written.get(key);
    if (written !== undefined && written.watched === watched) return written.after;
    this.#written.delete(key);
    return watched;
  }
}

function markOf(desired: DesiredStatus<string>, { metadata }: RawObject): string {
  return `${metadata.resourceVersion ?? ''} ${JSON.stringify(desired)}`;
}
