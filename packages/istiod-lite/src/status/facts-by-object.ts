import type { Condition } from '@ambit/translation/translate/condition';
import type { MeshSnapshot } from '../model/mesh-state.ts';
import type { Refusal } from '../watch/configuration.ts';

/** What is said of the objects of a snapshot, by `Kind namespace/name`. */
export class FactsByObject {
  readonly #conditions: ReadonlyMap<string, readonly Condition[]>;
  readonly #refusals: ReadonlyMap<string, Refusal>;

  constructor({ translation, refusals }: MeshSnapshot) {
    this.#conditions = Map.groupBy(translation.conditions, ({ kind, name }) => `${kind} ${name}`);
    this.#refusals = new Map(refusals.map((refusal) => [`${refusal.kind} ${refusal.name}`, refusal]));
  }

  conditions(kind: string, name: string): readonly Condition[] {
    return this.#conditions.get(`${kind} ${name}`) ?? [];
  }

  refusal(kind: string, name: string): Refusal | undefined {
    return this.#refusals.get(`${kind} ${name}`);
  }

  /** Names of the objects of a kind that are refused now. */
  refused(kind: string): string[] {
    return [...this.#refusals.values()].filter((refusal) => refusal.kind === kind).map(({ name }) => name);
  }
}
