import type { Clock, Timer } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { SERVED_SERVICE_TYPE_URL } from '@ambit/proto/waypoint';
import type { Translation } from '@ambit/translation/translate';
import type { ResourceCache, ResourceInput } from '@ambit/xds/resource-cache';
import { SERVED_SERVICE_LEAD_MS, SERVED_SERVICE_LINGER_MS } from '../limits.ts';
import { ResourceEncoder } from './resources.ts';

type Resources = ReadonlyMap<string, readonly ResourceInput[]>;

/**
 * Puts translations into the cache so that a node proxy never sends to a waypoint what that does not serve: a service that
 * a waypoint gets goes to the waypoint first and to everybody else a moment later, and one that it loses stays there for
 * a while after the others were told. Every other change goes to everybody at once.
 */
export class Publisher implements Drainable {
  readonly #cache: ResourceCache;
  readonly #clock: Clock;
  readonly #encoder = new ResourceEncoder();
  #newest: Resources | undefined;
  /** When the oldest change became known that is not with everybody yet. */
  #changedAt: number | undefined;
  /** Set while what is not for waypoints alone waits. */
  #lead: Timer | undefined;
  readonly #lingering = new Map<string, { readonly input: ResourceInput; readonly timer: Timer }>();

  constructor(cache: ResourceCache, clock: Clock) {
    this.#cache = cache;
    this.#clock = clock;
  }

  /** `changedAt`: when the first of the changes in it became known, milliseconds of the clock. */
  publish(translation: Translation, changedAt: number): void {
    const before = this.#newest;
    this.#changedAt ??= changedAt;
    this.#newest = this.#encoder.encode(translation);
    const services = servicesOf(this.#newest);
    const kept = new Set(services.map(({ name }) => name));
    for (const { name } of services) this.#stopLingering(name);
    // Before the first one nobody has been told anything.
    if (before !== undefined) {
      for (const input of servicesOf(before)) if (!kept.has(input.name)) this.#linger(input);
      const isNew = services.some(({ name }) => this.#cache.get(SERVED_SERVICE_TYPE_URL, name) === undefined);
      if (isNew || this.#lead !== undefined) {
        // Nothing is taken away yet: what still waits may name it.
        this.#cache.update([{ typeUrl: SERVED_SERVICE_TYPE_URL, upserts: services, removals: [] }], changedAt);
        this.#lead ??= this.#clock.setTimeout(() => {
          this.#lead = undefined;
          this.#replace();
        }, SERVED_SERVICE_LEAD_MS);
        return;
      }
    }
    this.#replace();
  }

  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    this.#lead?.cancel();
    for (const { timer } of this.#lingering.values()) timer.cancel();
    this.#lingering.clear();
  }

  #replace(): void {
    if (this.#newest === undefined) return;
    const lingering = Array.from(this.#lingering.values(), ({ input }) => input);
    const newest = servicesOf(this.#newest);
    const services = lingering.length === 0 ? newest : [...newest, ...lingering];
    this.#cache.replace(new Map([...this.#newest, [SERVED_SERVICE_TYPE_URL, services]]), this.#changedAt);
    this.#changedAt = undefined;
  }

  #linger(input: ResourceInput): void {
    const { name } = input;
    if (this.#lingering.has(name)) return;
    const timer = this.#clock.setTimeout(() => {
      this.#lingering.delete(name);
      this.#cache.update([{ typeUrl: SERVED_SERVICE_TYPE_URL, upserts: [], removals: [name] }]);
    }, SERVED_SERVICE_LINGER_MS);
    this.#lingering.set(name, { input, timer });
  }

  #stopLingering(name: string): void {
    this.#lingering.get(name)?.timer.cancel();
    this.#lingering.delete(name);
  }
}

function servicesOf(resources: Resources): readonly ResourceInput[] {
  return resources.get(SERVED_SERVICE_TYPE_URL) ?? [];
}
