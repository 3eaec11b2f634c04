import { isDeepStrictEqual } from 'node:util';
import { type DecodedObject, decodeApiObject, type IgnoredObject } from '@ambit/translation/decode';
import { formatProblem, type ManifestProblem } from '@ambit/translation/manifest/problem';
import { keyOf, parentsOf, type RawObject, readableObject } from './api-object.ts';
import type { Configuration, Refusal } from './configuration.ts';
import { substituteFor } from './substitute.ts';
import { isNamedKind, NAMED, type NamedKind, WATCHED, type WatchedKind } from './watched-kinds.ts';

/** One object as it was read. */
interface Entry {
  /** The newest that could be taken, or what stands for it. */
  readonly good: DecodedObject | undefined;
  readonly substituted: boolean;
  readonly ignored: readonly IgnoredObject[];
  readonly problems: readonly ManifestProblem[];
  readonly refusal: Refusal | undefined;
}

/** What a change meant. */
export type Taken =
  | { readonly outcome: 'refused'; readonly refusal: Refusal }
  /** Nothing that is read of it is other than before. */
  | { readonly outcome: 'unchanged' }
  /** `recovered`: it was refused before. */
  | { readonly outcome: 'taken'; readonly recovered: boolean };

/**
 * The objects of an API server, each read once per change of it. One that is wrong keeps its last good state, and no other
 * is touched by that.
 */
export class ObjectStore {
  /** By `Kind namespace/name`. */
  readonly #entries = new Map<string, Entry>();

  put(kind: NamedKind | WatchedKind, object: RawObject): Taken {
    const name = keyOf(object);
    const before = this.#entries.get(`${kind} ${name}`);
    const { objects, ignored, problems } = decodeApiObject(
      readableObject(object, isNamedKind(kind) ? NAMED[kind] : WATCHED[kind]),
    );
    const [good] = objects;
    if (good !== undefined && problems.length === 0) {
      if (before?.refusal === undefined && isDeepStrictEqual(before?.good?.object, good.object)) {
        return { outcome: 'unchanged' };
      }
      this.#entries.set(`${kind} ${name}`, { good, substituted: false, ignored, problems: [], refusal: undefined });
      return { outcome: 'taken', recovered: before?.refusal !== undefined };
    }
    const known = before?.substituted === false ? before.good : undefined;
    const inForce = known ?? (isNamedKind(kind) ? undefined : substituteFor(kind, object));
    const consequence =
      known !== undefined
        ? 'its last good state stays in force'
        : inForce === undefined
          ? 'nothing of it is in force'
          : 'until it is right, what it is for stays closed';
    const refusal: Refusal = {
      kind,
      name,
      generation: object.metadata.generation ?? 0,
      message: `${messageOf(problems)}; ${consequence}`,
      parents: parentsOf(object),
    };
    if (isDeepStrictEqual(before?.refusal, refusal)) return { outcome: 'unchanged' };
    const substituted = known === undefined;
    this.#entries.set(`${kind} ${name}`, { good: inForce, substituted, ignored: [], problems, refusal });
    return { outcome: 'refused', refusal };
  }

  /** Whether it was known. */
  remove(kind: NamedKind | WatchedKind, object: RawObject): boolean {
    return this.#entries.delete(`${kind} ${keyOf(object)}`);
  }

  configuration(): Omit<Configuration, 'changedAt'> {
    const entries = [...this.#entries.values()];
    const decoded = {
      file: '',
      objects: entries.flatMap(({ good }) => good ?? []),
      ignored: entries.flatMap(({ ignored }) => ignored),
      problems: [],
    };
    return {
      sources: [{ role: 'manifest', decoded }],
      problems: entries.flatMap(({ problems }) => problems),
      refusals: entries.flatMap(({ refusal }) => refusal ?? []),
    };
  }
}

function messageOf(problems: readonly ManifestProblem[]): string {
  const said = problems.slice(0, 10).map((problem) => formatProblem({ ...problem, object: '' }));
  const more = problems.length > 10 ? ` and ${problems.length - 10} more` : '';
  return `${said.join('; ')}${more}`;
}
