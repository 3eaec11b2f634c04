import { AmbitError } from '@ambit/core/errors';
import type { DeltaDiscoveryRequest } from '@ambit/proto/discovery';
import { SUBSCRIBED_NAMES_MAX } from './limits.ts';
import type { CachedResource, ResourceCache } from './resource-cache.ts';

const WILDCARD = '*';

/** What is taken out of a subscription to be sent. */
export interface Delivery {
  readonly resources: readonly CachedResource[];
  readonly removed: readonly string[];
  /** When the oldest of the changes became known that the client did not come for; undefined without one. */
  readonly changedAt: number | undefined;
}

/**
 * What one client wants of one type, and what it has not been sent yet. Only names wait here, each once, and content is
 * taken when it is sent: a slow client costs its names, and gets the newest content when its turn comes.
 */
export class Subscription {
  readonly typeUrl: string;
  readonly #cache: ResourceCache;
  /** Undefined: the client may see everything. What it may not see does not exist for it. */
  readonly #visible: ((name: string) => boolean) | undefined;
  #wildcard: boolean;
  readonly #names: Set<string>;
  /** What a client without wildcard holds, to tell it of removals. */
  readonly #sent = new Set<string>();
  readonly #upserts = new Set<string>();
  readonly #removals = new Set<string>();
  #answerDue = true;
  /** Changes of the cache up to this one are noted or sent. */
  #seen: number;
  /** The change of the cache at which the client came. */
  readonly #cameAt: number;
  /** Nonce of the response that is neither acknowledged nor refused yet. */
  inFlight: { readonly nonce: string; readonly sentAt: number; readonly changedAt: number | undefined } | undefined;

  /** From the first request of a type: no names, or `*`, means everything; what the client holds already is not sent. */
  constructor(request: DeltaDiscoveryRequest, cache: ResourceCache, visible?: (name: string) => boolean) {
    this.typeUrl = request.typeUrl;
    this.#cache = cache;
    this.#visible = visible;
    this.#seen = cache.sequence;
    this.#cameAt = cache.sequence;
    const unwanted = new Set(request.resourceNamesUnsubscribe);
    const wanted = new Set(request.resourceNamesSubscribe);
    this.#wildcard = (wanted.size === 0 && unwanted.size === 0) || (wanted.has(WILDCARD) && !unwanted.has(WILDCARD));
    wanted.delete(WILDCARD);
    this.#names = new Set([...wanted].filter((name) => !unwanted.has(name)));
    this.#limitNames();
    const held = new Map(Object.entries(request.initialResourceVersions));
    for (const name of held.keys()) {
      if (!this.#wildcard) this.#sent.add(name);
      if (this.#get(name) === undefined) this.#removals.add(name);
    }
    for (const resource of this.#wildcard ? this.#resources() : []) {
      if (held.get(resource.name) !== resource.version) this.#upserts.add(resource.name);
    }
    for (const name of this.#names) {
      const resource = this.#find(name);
      if (resource === undefined) this.#removals.add(name);
      else if (held.get(resource.name) !== resource.version) this.#upserts.add(resource.name);
    }
  }

  /** A response is due, if only to say that there is nothing. Removals may wait for later types, this may not. */
  get unsent(): boolean {
    return this.#answerDue || this.#upserts.size > 0;
  }

  get removalsUnsent(): boolean {
    return this.#removals.size > 0;
  }

  /** Bytes of what waits, roughly. */
  get unsentBytes(): number {
    let bytes = 0;
    for (const name of this.#upserts) bytes += this.#get(name)?.encoded.length ?? 0;
    return bytes;
  }

  /** Later requests of the type: names added are answered even when they were sent before. */
  change(request: DeltaDiscoveryRequest): void {
    for (const name of request.resourceNamesSubscribe) {
      if (name === WILDCARD) {
        this.#wildcard = true;
        for (const resource of this.#resources()) this.#upserts.add(resource.name);
        continue;
      }
      this.#names.add(name);
      const resource = this.#find(name);
      if (resource === undefined) this.#removals.add(name);
      else this.#upserts.add(resource.name);
    }
    for (const name of request.resourceNamesUnsubscribe) {
      if (name === WILDCARD) this.#wildcard = false;
      this.#names.delete(name);
      if (!this.#wildcard) this.#upserts.delete(this.#find(name)?.name ?? name);
    }
    this.#limitNames();
  }

  /** Notes which resources changed or went. What was noted or sent before is skipped. */
  note(changed: ReadonlySet<string>): void {
    for (const name of changed) {
      if (this.#visible?.(name) === false) continue;
      const resource = this.#cache.get(this.typeUrl, name);
      if (resource === undefined) {
        this.#upserts.delete(name);
        if (this.#wildcard || this.#names.has(name) || this.#sent.has(name)) this.#removals.add(name);
      } else if (resource.sequence > this.#seen && this.#covers(resource)) {
        this.#removals.delete(name);
        this.#upserts.add(name);
      }
    }
    this.#seen = this.#cache.sequence;
  }

  /** Takes what is to be sent now, up to about `maxBytes` of content; the rest keeps waiting. */
  take(what: { upserts: boolean; removals: boolean; maxBytes: number }): Delivery {
    const resources: CachedResource[] = [];
    let changedAt: number | undefined;
    let bytes = 0;
    for (const name of what.upserts ? this.#upserts : []) {
      const resource = this.#get(name);
      if (resource !== undefined) {
        if (bytes > 0 && bytes + resource.encoded.length > what.maxBytes) break;
        bytes += resource.encoded.length;
        resources.push(resource);
        if (resource.sequence > this.#cameAt)
          changedAt = Math.min(resource.changedAt ?? Infinity, changedAt ?? Infinity);
        if (!this.#wildcard) this.#sent.add(name);
      }
      this.#upserts.delete(name);
    }
    if (what.upserts) this.#answerDue = false;
    const removed = what.removals ? [...this.#removals] : [];
    for (const name of removed) {
      this.#removals.delete(name);
      this.#sent.delete(name);
    }
    return { resources, removed, changedAt: changedAt === Infinity ? undefined : changedAt };
  }

  #get(name: string): CachedResource | undefined {
    return this.#visible?.(name) === false ? undefined : this.#cache.get(this.typeUrl, name);
  }

  #find(nameOrAlias: string): CachedResource | undefined {
    const resource = this.#cache.find(this.typeUrl, nameOrAlias);
    return resource === undefined || this.#visible?.(resource.name) === false ? undefined : resource;
  }

  *#resources(): Iterable<CachedResource> {
    for (const resource of this.#cache.resources(this.typeUrl)) {
      if (this.#visible?.(resource.name) !== false) yield resource;
    }
  }

  #covers(resource: CachedResource): boolean {
    return this.#wildcard || this.#names.has(resource.name) || resource.aliases.some((alias) => this.#names.has(alias));
  }

  #limitNames(): void {
    if (this.#names.size <= SUBSCRIBED_NAMES_MAX) return;
    throw new AmbitError(
      'AMBIT_XDS_NAMES',
      `more than ${SUBSCRIBED_NAMES_MAX} names of ${this.typeUrl} subscribed to`,
      {
        source: 'peer',
      },
    );
  }
}
