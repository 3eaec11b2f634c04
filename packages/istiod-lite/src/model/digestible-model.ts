import { messageOf } from '@ambit/core/errors';
import type { Model } from '@ambit/translation/model';
import type { ManifestObject } from '@ambit/translation/objects';
import { closesSomething } from './closing-object.ts';

/** An object whose newest state is left out, because a model with it cannot be translated. */
export interface Indigestible {
  readonly kind: keyof Model;
  /** `namespace/name`, or the name of a cluster-wide object. */
  readonly name: string;
  /** Its newest state; undefined: it was deleted. */
  readonly newest: ManifestObject | undefined;
  /** What is in force instead; undefined: nothing. */
  readonly former: ManifestObject | undefined;
  /** What the translation threw. */
  readonly reason: string;
}

export interface DigestibleModel<Result> {
  readonly model: Model;
  readonly result: Result;
  readonly left: readonly Indigestible[];
}

interface Change {
  readonly kind: keyof Model;
  readonly name: string;
}

/**
 * As much of `wanted` as can be translated: the objects at which `translate` throws are found by halving what has changed
 * since `base`, which could be translated, and keep the state that they have there. Those of `known`, found before, are left
 * out at once as long as they are the same. Undefined when something could stand open because of what is left out.
 */
export function digestible<Result>(
  base: Model,
  wanted: Model,
  known: readonly Indigestible[],
  translate: (model: Model) => Result,
): DigestibleModel<Result> | undefined {
  const left: Indigestible[] = [];
  let taken: { readonly model: Model; readonly result: Result } | undefined;

  const leave = ({ kind, name }: Change, reason: string): void => {
    left.push({ kind, name, newest: objectOf(wanted, kind, name), former: objectOf(base, kind, name), reason });
  };
  const take = (changes: readonly Change[]): void => {
    const [first, ...others] = changes;
    if (first === undefined) return;
    const model = withChanges(taken?.model ?? base, wanted, changes);
    try {
      taken = { model, result: translate(model) };
    } catch (error) {
      if (others.length === 0) {
        leave(first, messageOf(error));
        return;
      }
      const half = Math.ceil(changes.length / 2);
      take(changes.slice(0, half));
      take(changes.slice(half));
    }
  };

  const untried: Change[] = [];
  for (const change of changesBetween(base, wanted)) {
    const { kind, name } = change;
    const found = known.find((one) => one.kind === kind && one.name === name);
    if (found !== undefined && found.newest === objectOf(wanted, kind, name)) leave(change, found.reason);
    else untried.push(change);
  }
  take(untried);
  if (left.some((one) => opensSomething(one, wanted))) return undefined;
  return { ...(taken ?? { model: base, result: translate(base) }), left };
}

function opensSomething({ newest, former }: Indigestible, wanted: Model): boolean {
  return [newest, former].some((object) => object !== undefined && closesSomething(object, wanted));
}

function objectOf(model: Model, kind: keyof Model, name: string): ManifestObject | undefined {
  return model[kind].get(name);
}

function kindsOf(model: Model): (keyof Model)[] {
  return Object.keys(model) as (keyof Model)[];
}

function changesBetween(base: Model, wanted: Model): Change[] {
  return kindsOf(wanted).flatMap((kind) => {
    const names = new Set([...base[kind].keys(), ...wanted[kind].keys()]);
    return [...names].flatMap((name) =>
      objectOf(base, kind, name) === objectOf(wanted, kind, name) ? [] : [{ kind, name }],
    );
  });
}

function withChanges(base: Model, wanted: Model, changes: readonly Change[]): Model {
  const maps = new Map<keyof Model, Map<string, ManifestObject>>();
  for (const { kind, name } of changes) {
    const map = maps.get(kind) ?? new Map<string, ManifestObject>(base[kind]);
    maps.set(kind, map);
    const object = objectOf(wanted, kind, name);
    if (object === undefined) map.delete(name);
    else map.set(name, object);
  }
  const changed = Array.from(maps, ([kind, map]) => [
    kind,
    new Map([...map].sort(([one], [other]) => (one < other ? -1 : 1))),
  ]);
  // Each map has objects of its own kind alone: they come from the maps of that kind.
  return { ...base, ...(Object.fromEntries(changed) as Partial<Model>) };
}
