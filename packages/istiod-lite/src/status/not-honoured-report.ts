import type { Drainable } from '@ambit/core/drain';
import type { KubeClient } from '@ambit/kube/client';
import { PushSchedule } from '@ambit/xds/push-schedule';
import { GATHER_MS } from '../limits.ts';
import type { MeshSnapshot } from '../model/mesh-state.ts';
import { ToldLines } from '../model/told-lines.ts';
import { NotHonouredObjects } from '../watch/not-honoured-objects.ts';
import type { KindState } from '../watch/kubernetes.ts';
import { notHonouredWords } from './not-honoured-statuses.ts';
import { StatusApplier, type StatusApplierParts } from './status-applier.ts';

export interface NotHonouredReportParts
  extends Pick<StatusApplierParts<string>, 'clock' | 'counters' | 'log' | 'writes'> {
  readonly client: KubeClient;
  readonly revision: string;
}

/** Names the objects that nobody here acts on: in the log, to whoever asks, and, while this replica leads, in their status. */
export class NotHonouredReport implements Drainable {
  readonly #parts: NotHonouredReportParts;
  readonly #objects: NotHonouredObjects;
  readonly #applier: StatusApplier<string>;
  readonly #schedule: PushSchedule;
  #snapshot: MeshSnapshot | undefined;
  readonly #told: ToldLines;
  #lines: readonly string[] = [];

  constructor(parts: NotHonouredReportParts) {
    const { client, clock, log } = parts;
    this.#parts = parts;
    this.#told = new ToldLines(log);
    this.#schedule = new PushSchedule(clock, GATHER_MS, () => this.#judge());
    this.#objects = new NotHonouredObjects({
      ...{ client, clock, log },
      onChange: () => this.#schedule.changed(),
    });
    this.#applier = new StatusApplier<string>({
      ...parts,
      resourceOf: (key) => this.#objects.resourceOf(key),
      object: (key, name) => this.#objects.get(key, name),
    });
  }

  /** One line for each object. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  states(): KindState[] {
    return this.#objects.states();
  }

  lead(leading: boolean): void {
    this.#applier.lead(leading);
    this.#judge();
  }

  /** The first snapshot begins it: what the mesh is made of is read first. */
  act(snapshot: MeshSnapshot): void {
    this.#snapshot = snapshot;
    this.#objects.start();
    this.#judge();
  }

  async close(options: { deadline: number }): Promise<void> {
    this.#schedule.stop();
    this.#objects.destroy();
    await this.#applier.close(options);
  }

  destroy(): void {
    this.#schedule.stop();
    this.#objects.destroy();
    this.#applier.destroy();
  }

  #judge(): void {
    if (this.#snapshot === undefined) return;
    const words = notHonouredWords(this.#objects.values(), this.#snapshot, this.#parts.revision);
    this.#lines = words.flatMap(({ line }) => line ?? []);
    this.#told.tell(this.#lines);
    this.#applier.want(words.map(({ status }) => status));
  }
}
