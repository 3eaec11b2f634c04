import { create, toBinary } from '@bufbuild/protobuf';
import { AmbitError } from '@ambit/core/errors';
import { ResourceSchema } from '@ambit/proto/discovery';
import { contentVersion } from './content-version.ts';

/** A resource to be served. */
export interface ResourceInput {
  readonly name: string;
  /** Other names it can be asked for by. Default none. */
  readonly aliases?: readonly string[];
  /** The encoded message of the type. */
  readonly bytes: Uint8Array;
}

export interface TypeUpdate {
  readonly typeUrl: string;
  readonly upserts: Iterable<ResourceInput>;
  /** Names; unknown ones are ignored. */
  readonly removals: Iterable<string>;
}

/** A resource as it is served. */
export interface CachedResource {
  readonly name: string;
  readonly version: string;
  readonly aliases: readonly string[];
  /** Which change of the cache brought it, counted from 1. */
  readonly sequence: number;
  /** When what that change was made of became known, milliseconds of the clock; undefined when nobody said. */
  readonly changedAt: number | undefined;
  /** The whole `Resource` message, shared by the responses to all clients. */
  readonly encoded: Uint8Array;
}

/** Names that changed or went, by type. */
export type ChangedNames = ReadonlyMap<string, ReadonlySet<string>>;

interface TypeCache {
  /** What `replace` was given last for the type, if nothing else has changed it since. */
  last: Iterable<ResourceInput> | undefined;
  readonly resources: Map<string, CachedResource>;
  readonly nameOfAlias: Map<string, string>;
}

/**
 * What a server serves: resources by type and name, versioned by content, so that giving the same content again changes
 * nothing. The types are listed in the order in which clients must get them: a resource may name those of earlier types.
 */
export class ResourceCache {
  readonly typeUrls: readonly string[];
  readonly #types: ReadonlyMap<string, TypeCache>;
  readonly #listeners = new Set<(changed: ChangedNames) => void>();
  #sequence = 0;

  constructor(typeUrls: readonly string[]) {
    this.typeUrls = typeUrls;
    this.#types = new Map(
      typeUrls.map((typeUrl) => [typeUrl, { last: undefined, resources: new Map(), nameOfAlias: new Map() }]),
    );
  }

  /** How many changes there have been. */
  get sequence(): number {
    return this.#sequence;
  }

  /**
   * Applies the updates as one change; `changedAt`: when what they are made of became known. Throws `AMBIT_XDS_TYPE` for a
   * type that is not served.
   */
  update(updates: readonly TypeUpdate[], changedAt?: number): void {
    const changed = new Map<string, Set<string>>();
    const sequence = this.#sequence + 1;
    for (const { typeUrl, upserts, removals } of updates) {
      const cache = this.#typeCache(typeUrl);
      cache.last = undefined;
      const names = changed.get(typeUrl) ?? new Set();
      for (const name of removals) if (remove(cache, name)) names.add(name);
      for (const input of upserts) if (put(cache, typeUrl, input, { sequence, changedAt })) names.add(input.name);
      if (names.size > 0) changed.set(typeUrl, names);
    }
    if (changed.size === 0) return;
    this.#sequence = sequence;
    for (const listener of this.#listeners) listener(changed);
  }

  /**
   * Makes the cache hold exactly these resources of the given types, as one change. What a type is given must not be changed
   * later: the same list again means that the type has not changed.
   */
  replace(snapshot: ReadonlyMap<string, Iterable<ResourceInput>>, changedAt?: number): void {
    const other = [...snapshot].filter(([typeUrl, inputs]) => this.#typeCache(typeUrl).last !== inputs);
    this.update(
      other.map(([typeUrl, inputs]) => {
        const upserts = [...inputs];
        const kept = new Set(upserts.map(({ name }) => name));
        const removals = Array.from(this.#typeCache(typeUrl).resources.keys()).filter((name) => !kept.has(name));
        return { typeUrl, upserts, removals };
      }),
      changedAt,
    );
    for (const [typeUrl, inputs] of other) this.#typeCache(typeUrl).last = inputs;
  }

  get(typeUrl: string, name: string): CachedResource | undefined {
    return this.#types.get(typeUrl)?.resources.get(name);
  }

  /** By name, else by alias. */
  find(typeUrl: string, nameOrAlias: string): CachedResource | undefined {
    const cache = this.#types.get(typeUrl);
    return cache?.resources.get(nameOrAlias) ?? cache?.resources.get(cache.nameOfAlias.get(nameOrAlias) ?? '');
  }

  /** All resources of a type, in order of their first appearance. */
  resources(typeUrl: string): Iterable<CachedResource> {
    return this.#typeCache(typeUrl).resources.values();
  }

  /** Calls `listener` after each change; returns how to stop that. */
  subscribe(listener: (changed: ChangedNames) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #typeCache(typeUrl: string): TypeCache {
    const cache = this.#types.get(typeUrl);
    if (cache !== undefined) return cache;
    throw new AmbitError('AMBIT_XDS_TYPE', `${typeUrl} is not among the served types ${this.typeUrls.join(', ')}`);
  }
}

function put(
  cache: TypeCache,
  typeUrl: string,
  input: ResourceInput,
  change: Pick<CachedResource, 'changedAt' | 'sequence'>,
): boolean {
  const { name, bytes } = input;
  const aliases = input.aliases ?? [];
  const version = contentVersion(bytes);
  const before = cache.resources.get(name);
  if (before?.version === version && sameNames(before.aliases, aliases)) return false;
  if (before !== undefined) dropAliases(cache, before);
  for (const alias of aliases) cache.nameOfAlias.set(alias, name);
  const resource = create(ResourceSchema, {
    name,
    version,
    aliases: [...aliases],
    resource: { typeUrl, value: bytes },
  });
  cache.resources.set(name, { ...change, name, version, aliases, encoded: toBinary(ResourceSchema, resource) });
  return true;
}

function remove(cache: TypeCache, name: string): boolean {
  const before = cache.resources.get(name);
  if (before === undefined) return false;
  dropAliases(cache, before);
  return cache.resources.delete(name);
}

/** An alias may have passed to another resource meanwhile. */
function dropAliases(cache: TypeCache, resource: CachedResource): void {
  for (const alias of resource.aliases) {
    if (cache.nameOfAlias.get(alias) === resource.name) cache.nameOfAlias.delete(alias);
  }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}
