import type { Clock } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import type { KubeClient } from '@ambit/kube/client';
import type { DeployProblem } from '../deploy/waypoint-deployer.ts';
import type { MeshSnapshot } from '../model/mesh-state.ts';
import { type RawObject, textUnder } from '../watch/api-object.ts';
import { WATCHED, type WatchedKind } from '../watch/watched-kinds.ts';
import { WorkQueue, type WorkQueueParts } from '../write/work-queue.ts';
import { type DesiredStatus, statusKey } from './desired-status.ts';
import { FactsByObject } from './facts-by-object.ts';
import { gatewayStatuses } from './gateway-statuses.ts';
import { plainStatuses } from './plain-statuses.ts';
import { routeStatuses } from './route-statuses.ts';
import { statusBody } from './status-body.ts';

export interface StatusWriterParts extends Pick<WorkQueueParts, 'counters' | 'log'> {
  readonly client: Pick<KubeClient, 'apply'>;
  readonly clock: Clock;
  readonly clusterDomain: string;
  readonly deployProblems: ReadonlyMap<string, DeployProblem>;
  /** An object as the API server gave it last. */
  readonly object: (kind: WatchedKind, name: string) => RawObject | undefined;
}

/** Says of every object, in its status, what became of it. Nothing is written that stands there already. */
export class StatusWriter implements Drainable {
  readonly #parts: StatusWriterParts;
  readonly #queue: WorkQueue;
  #snapshot: MeshSnapshot | undefined;
  #desired: ReadonlyMap<string, DesiredStatus> = new Map();
  #leading = false;
  /** What did not become as desired, because somebody else owns it, so that it is not written for ever. */
  readonly #unmoved = new Map<string, string>();
  /** What was written, and what the watch knew then. */
  readonly #written = new Map<string, { readonly watched: RawObject; readonly after: RawObject }>();

  constructor(parts: StatusWriterParts) {
    const { clock, log, counters } = parts;
    this.#parts = parts;
    this.#queue = new WorkQueue({ clock, log, counters, what: 'status', reconcile: (key) => this.#reconcile(key) });
  }

  lead(leading: boolean): void {
    this.#leading = leading;
    this.#written.clear();
    this.#unmoved.clear();
    this.#queue.enable(leading);
    this.#judge();
  }

  act(snapshot: MeshSnapshot): void {
    this.#snapshot = snapshot;
    this.#judge();
  }

  /** Called when what the deployer says of a Gateway is another thing now. */
  deployed(): void {
    this.#judge();
  }

  /** Called with every object that changed, its status perhaps. */
  noticed(kind: WatchedKind, name: string): void {
    const desired = this.#desired.get(statusKey({ kind, name }));
    if (desired !== undefined) this.#check(desired);
  }

  async close(options: { deadline: number }): Promise<void> {
    await this.#queue.close(options);
  }

  destroy(): void {
    this.#queue.destroy();
  }

  #judge(): void {
    if (!this.#leading || this.#snapshot === undefined) return;
    const { model, translation } = this.#snapshot;
    const { clusterDomain, deployProblems, object } = this.#parts;
    const facts = new FactsByObject(this.#snapshot);
    const classOf = (name: string): string | undefined => textUnder(object('Gateway', name)?.spec, 'gatewayClassName');
    const statuses = [
      ...plainStatuses(model, facts),
      ...gatewayStatuses(this.#snapshot, facts, { clusterDomain, deployProblems, classOf }),
      ...routeStatuses(model, facts, (name) => translation.waypoints.has(name)),
    ];
    this.#desired = new Map(statuses.map((desired) => [statusKey(desired), desired]));
    for (const desired of statuses) this.#check(desired);
  }

  #check(desired: DesiredStatus): void {
    const raw = this.#latest(desired);
    if (raw === undefined || statusBody(desired, raw, this.#parts.clock.wallTime()) === undefined) return;
    const key = statusKey(desired);
    if (this.#unmoved.get(key) !== markOf(desired, raw)) this.#queue.add(key);
  }

  async #reconcile(key: string): Promise<boolean> {
    const { client, clock } = this.#parts;
    const desired = this.#desired.get(key);
    const raw = desired === undefined ? undefined : this.#latest(desired);
    if (desired === undefined || raw === undefined) return false;
    const body = statusBody(desired, raw, clock.wallTime());
    if (body === undefined) return false;
    const { name, namespace, uid, resourceVersion } = raw.metadata;
    const resource = WATCHED[desired.kind];
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
    const after = await client.apply(resource, status, {
      fieldManager: desired.fieldManager,
      force: true,
      subresource: 'status',
    });
    if (watched !== undefined) this.#written.set(key, { watched, after });
    if (statusBody(desired, after, clock.wallTime()) === undefined) this.#unmoved.delete(key);
    else this.#unmoved.set(key, markOf(desired, after));
    return true;
  }

  /** An object as it is since this wrote to it, until the watch tells of it: else the same would be written once more. */
  #latest(desired: DesiredStatus): RawObject | undefined {
    const key = statusKey(desired);
    const watched = this.#parts.object(desired.kind, desired.name);
    const written = this.#written.get(key);
    if (written !== undefined && written.watched === watched) return written.after;
    this.#written.delete(key);
    return watched;
  }
}

function markOf(desired: DesiredStatus, { metadata }: RawObject): string {
  return `${metadata.resourceVersion ?? ''} ${JSON.stringify(desired)}`;
}
