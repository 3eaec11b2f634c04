import {
  DOUBT_MILLISECONDS,
  QUARANTINE_AFTER_FAILURES,
  QUARANTINE_ENTRIES,
  QUARANTINE_MILLISECONDS,
} from '../limits.ts';

interface Record {
  failures: number;
  /** Until when it is benched, in milliseconds of the caller's clock; 0 when it is not. */
  until: number;
  /** Until when others are better, by the same clock. */
  doubtedUntil: number;
}

/**
 * Endpoints that failed to connect several times in a row are passed over for a short while, then tried again:
 * one more failure benches them again at once, a success clears them. A single failure makes an endpoint doubtful for a
 * moment: others of its rank come first, so that connections do not find out one by one that several pods have ended.
 * Kept per thread, by workload uid.
 */
export class Quarantine {
  readonly #records = new Map<string, Record>();

  /** Notes a connect failure; true when the endpoint is benched by it. */
  failed(uid: string, now: number): boolean {
    let record = this.#records.get(uid);
    if (record === undefined) {
      record = { failures: 0, until: 0, doubtedUntil: 0 };
      this.#records.set(uid, record);
      if (this.#records.size > QUARANTINE_ENTRIES) this.#forgetOldest();
    }
    record.failures++;
    record.doubtedUntil = now + DOUBT_MILLISECONDS;
    if (record.failures < QUARANTINE_AFTER_FAILURES) return false;
    const benched = record.until <= now;
    record.until = now + QUARANTINE_MILLISECONDS;
    return benched;
  }

  succeeded(uid: string): void {
    if (this.#records.size > 0) this.#records.delete(uid);
  }

  /** Also for workloads that are gone. */
  forget(uid: string): void {
    this.#records.delete(uid);
  }

  /** Whether there is anything to ask `benched` about. */
  get empty(): boolean {
    return this.#records.size === 0;
  }

  benched(uid: string, now: number): boolean {
    const record = this.#records.get(uid);
    return record !== undefined && record.until > now;
  }

  /** Whether it failed a moment ago and has not succeeded since. */
  doubted(uid: string, now: number): boolean {
    const record = this.#records.get(uid);
    return record !== undefined && record.doubtedUntil > now;
  }

  /** The uids that are passed over at this moment. */
  list(now: number): string[] {
    return [...this.#records].filter(([, { until }]) => until > now).map(([uid]) => uid);
  }

  #forgetOldest(): void {
    const oldest = this.#records.keys().next();
    if (oldest.done !== true) this.#records.delete(oldest.value);
  }
}
