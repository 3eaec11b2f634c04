import { randomFillSync } from 'node:crypto';
import type { LocalRateLimit, RateLimitRule } from '@ambit/traffic/model/local-rate-limit';
import type { ServedService } from '@ambit/traffic/model/served-service';
import { allocateBuckets, bucketsInUse, makerEnded } from '@ambit/traffic/rate-limit/bucket-memory';
import { bucketsKey } from '@ambit/traffic/rate-limit/rate-limits';

interface SharedRule {
  readonly limit: LocalRateLimit;
  readonly rule: RateLimitRule;
  readonly memory: SharedArrayBuffer;
}

/** What the data threads have to be told of the rate limits of services that have changed. */
export interface RateLimitChange {
  /** By `bucketsKey`, of all rules of the changed services. */
  readonly buckets: ReadonlyMap<string, SharedArrayBuffer>;
  /** Rules that nothing has any more. */
  readonly forgottenBuckets: readonly string[];
}

/** The buckets that all data threads share, kept as long as a service has the rule as it is. */
export class SharedRateLimits {
  readonly #now: () => number;
  readonly #rules = new Map<string, SharedRule>();
  readonly #byService = new Map<string, ReadonlySet<string>>();

  /** `now`: milliseconds of the clock that all threads share. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Everything, for a data thread that starts. */
  buckets(): ReadonlyMap<string, SharedArrayBuffer> {
    return new Map(Array.from(this.#rules, ([key, { memory }]) => [key, memory]));
  }

  change(changed: readonly ServedService[], removed: readonly string[]): RateLimitChange {
    for (const name of removed) this.#byService.delete(name);
    const buckets = new Map<string, SharedArrayBuffer>();
    for (const { resourceName, localRateLimits } of changed) {
      const keys = new Set<string>();
      for (const limit of localRateLimits) {
        for (const rule of limit.rules) {
          const key = bucketsKey(limit, rule);
          keys.add(key);
          buckets.set(key, this.#made(key, limit, rule));
        }
      }
      if (keys.size === 0) this.#byService.delete(resourceName);
      else this.#byService.set(resourceName, keys);
    }
    const used = new Set([...this.#byService.values()].flatMap((keys) => [...keys]));
    const forgottenBuckets = [...this.#rules.keys()].filter((key) => !used.has(key));
    for (const key of forgottenBuckets) this.#rules.delete(key);
    return { buckets, forgottenBuckets };
  }

  /** A data thread is gone. */
  threadEnded(thread: number): void {
    for (const { memory } of this.#rules.values()) makerEnded(memory, thread);
  }

  /** The rules, and how many buckets of each are not full: for people. Whose they are is not kept. */
  describe(): readonly object[] {
    const now = this.#now();
    return Array.from(this.#rules.values(), ({ limit, rule, memory }) => {
      const { namespace, name, target, dryRun } = limit;
      return { policy: `${namespace}/${name}`, target, dryRun, ...rule, ...bucketsInUse(memory, now) };
    });
  }

  #made(key: string, limit: LocalRateLimit, rule: RateLimitRule): SharedArrayBuffer {
    const known = this.#rules.get(key);
    // Anything else of the object may have changed.
    const memory =
      known?.memory ??
      allocateBuckets({ keys: rule.maxKeys, now: this.#now(), secret: [...secret()] as [number, number] });
    this.#rules.set(key, { limit, rule, memory });
    return memory;
  }
}

function secret(): Int32Array {
  return randomFillSync(new Int32Array(2));
}
