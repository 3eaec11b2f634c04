import type { KubeObject } from './resource.ts';

export interface Change<T extends KubeObject> {
  readonly kind: 'added' | 'modified' | 'deleted';
  /** As it is now; of a deleted object its last state. */
  readonly object: T;
  /** As it was before; of a modified or deleted object. */
  readonly previous?: T;
}

/**
 * The objects of a selection as they were last seen. What changes it yields the changes in order, as if none had been
 * missed, each when it has just been made; until the last was asked for nothing else may be taken in.
 */
export class ObjectStore<T extends KubeObject> {
  readonly #objects = new Map<string, T>();

  get size(): number {
    return this.#objects.size;
  }

  get(name: string, namespace: string | undefined): T | undefined {
    return this.#objects.get(key(name, namespace));
  }

  values(): IterableIterator<T> {
    return this.#objects.values();
  }

  /** Takes an event of a watch in. What is older than what is known changes nothing. */
  *take(kind: 'added' | 'deleted' | 'modified', object: T): Generator<Change<T>> {
    const { name, namespace } = object.metadata;
    const previous = this.#objects.get(key(name, namespace));
    if (previous !== undefined && isOlder(object, previous)) return;
    if (kind !== 'deleted') yield* this.#put(object);
    else if (previous !== undefined) yield this.#remove(previous, object);
  }

  /** Takes a whole list in: what it lacks is deleted, whatever its versions. */
  *replace(objects: readonly T[]): Generator<Change<T>> {
    const listed = new Set<string>();
    for (const { metadata } of objects) listed.add(key(metadata.name, metadata.namespace));
    for (const [id, object] of this.#objects) {
      if (!listed.has(id)) yield this.#remove(object, object);
    }
    for (const object of objects) yield* this.#put(object);
  }

  *#put(object: T): Generator<Change<T>> {
    const { name, namespace, uid, resourceVersion } = object.metadata;
    const id = key(name, namespace);
    const previous = this.#objects.get(id);
    if (previous === undefined) {
      this.#objects.set(id, object);
      yield { kind: 'added', object };
      return;
    }
    if (previous.metadata.uid !== uid) {
      // Deleted and made anew while nobody watched: another object of the same name.
      yield this.#remove(previous, previous);
      this.#objects.set(id, object);
      yield { kind: 'added', object };
      return;
    }
    if (previous.metadata.resourceVersion === resourceVersion) return;
    this.#objects.set(id, object);
    yield { kind: 'modified', object, previous };
  }

  #remove(previous: T, object: T): Change<T> {
    this.#objects.delete(key(previous.metadata.name, previous.metadata.namespace));
    return { kind: 'deleted', object, previous };
  }
}

/** Neither part of a name can hold a slash. */
function key(name: string, namespace: string | undefined): string {
  return `${namespace ?? ''}/${name}`;
}

function isOlder(object: KubeObject, than: KubeObject): boolean {
  return isEarlierVersion(object.metadata.resourceVersion, than.metadata.resourceVersion);
}

/** Whether one resourceVersion comes before another. They are decimal numbers (stated by the API since 1.35); others are not compared. */
export function isEarlierVersion(version: string | undefined, than: string | undefined): boolean {
  if (version === undefined || than === undefined || !/^[0-9]+$/.test(version) || !/^[0-9]+$/.test(than)) return false;
  return version.length === than.length ? version < than : version.length < than.length;
}
