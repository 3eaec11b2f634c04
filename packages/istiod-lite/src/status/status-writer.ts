import type { Drainable } from '@ambit/core/drain';
import type { DeployProblem } from '../deploy/waypoint-deployer.ts';
import type { MeshSnapshot } from '../model/mesh-state.ts';
import { WATCHED, type WatchedKind } from '../watch/watched-kinds.ts';
import { FactsByObject } from './facts-by-object.ts';
import { gatewayStatuses } from './gateway-statuses.ts';
import { plainStatuses } from './plain-statuses.ts';
import { policyStatuses } from './policy-statuses.ts';
import { routeStatuses } from './route-statuses.ts';
import { StatusApplier, type StatusApplierParts } from './status-applier.ts';

export interface StatusWriterParts extends Omit<StatusApplierParts<WatchedKind>, 'resourceOf'> {
  readonly clusterDomain: string;
  readonly revision: string;
  readonly deployProblems: ReadonlyMap<string, DeployProblem>;
}

/** Says of every object of the model, in its status, what became of it. */
export class StatusWriter implements Drainable {
  readonly #parts: StatusWriterParts;
  readonly #applier: StatusApplier<WatchedKind>;
  #snapshot: MeshSnapshot | undefined;
  #leading = false;

  constructor(parts: StatusWriterParts) {
    this.#parts = parts;
    this.#applier = new StatusApplier({ ...parts, resourceOf: (kind) => WATCHED[kind] });
  }

  lead(leading: boolean): void {
    this.#leading = leading;
    this.#applier.lead(leading);
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
    this.#applier.noticed(kind, name);
  }

  async close(options: { deadline: number }): Promise<void> {
    await this.#applier.close(options);
  }

  destroy(): void {
    this.#applier.destroy();
  }

  #judge(): void {
    if (!this.#leading || this.#snapshot === undefined) return;
    const { model, translation } = this.#snapshot;
    const { clusterDomain, revision, deployProblems, object } = this.#parts;
    const facts = new FactsByObject(this.#snapshot);
    const raw = (name: string): ReturnType<typeof object> => object('Gateway', name);
    this.#applier.want([
      ...plainStatuses(this.#snapshot, facts),
      ...gatewayStatuses(this.#snapshot, facts, { clusterDomain, revision, deployProblems, raw }),
      ...policyStatuses(model, facts),
      ...routeStatuses(model, facts, (name) => translation.waypoints.has(name)),
    ]);
  }
}
