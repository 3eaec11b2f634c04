import { MAX_EJECTION_MS } from '../limits.ts';
import type { OutlierDetection as Policy } from '../model/cluster-limits.ts';
import { EndpointRecords, Run } from './endpoint-records.ts';

/** Which row of failures was too long. */
export type EjectionCause = 'consecutive_5xx' | 'consecutive_gateway_errors' | 'consecutive_local_origin_failures';

/** An endpoint that is out. */
export interface Ejection {
  readonly uid: string;
  readonly cause: EjectionCause;
  /** How often in a row. */
  readonly ejections: number;
  /** For how long, milliseconds. */
  readonly durationMs: number;
}

/** `too-many`: it would be, but for `maxEjectionPercent`. */
export type EjectionResult = Ejection | 'too-many' | undefined;

/**
 * Takes endpoints out of a cluster that fail several times in a row, at once and on all data threads, for a time that grows with how
 * often they were out. What is undefined of an endpoint is not known: more than can be watched.
 */
export class OutlierDetection {
  readonly #records: EndpointRecords;
  readonly #now: () => number;
  readonly #held = new Map<string, number>();
  #policy: Policy;

  /** `now`: milliseconds of a clock that all threads share. */
  constructor(memory: SharedArrayBuffer, thread: number, policy: Policy, now: () => number) {
    this.#records = new EndpointRecords(memory, thread);
    this.#policy = policy;
    this.#now = now;
  }

  get policy(): Policy {
    return this.#policy;
  }

  /** Of a new version of the cluster; rows of failures and who is out stay. */
  follow(policy: Policy): void {
    this.#policy = policy;
  }

  /** An endpoint of the cluster, from now on. */
  watch(uid: string): void {
    if (this.#held.has(uid)) return;
    const record = this.#records.hold(uid);
    if (record !== undefined) this.#held.set(uid, record);
  }

  /** The endpoint is gone. */
  forget(uid: string): void {
    const record = this.#held.get(uid);
    if (record === undefined) return;
    this.#held.delete(uid);
    this.#records.letGo(record);
  }

  /** Whether any endpoint is out: if not, nobody need be asked about. */
  get anyOut(): boolean {
    return this.#records.latest > this.#now();
  }

  isOut(uid: string): boolean {
    const record = this.#held.get(uid);
    return record !== undefined && this.#records.until(record) > this.#now();
  }

  /** It answered; `status` also of an answer of gRPC, as the HTTP status that it stands for. */
  answered(uid: string, status: number): EjectionResult {
    const record = this.#held.get(uid);
    if (record === undefined) return undefined;
    this.#records.ended(record, Run.localOrigin);
    return this.#external(uid, record, status);
  }

  /** It did not: no connection, a reset (both as 503), or too late (504). */
  unanswered(uid: string, status: 503 | 504): EjectionResult {
    const record = this.#held.get(uid);
    if (record === undefined) return undefined;
    if (!this.#policy.splitLocalOrigin) return this.#external(uid, record, status);
    const row = this.#records.failed(record, Run.localOrigin);
    return isReached(row, this.#policy.consecutiveLocalOrigin)
      ? this.#eject(uid, record, Run.localOrigin, 'consecutive_local_origin_failures')
      : undefined;
  }

  #external(uid: string, record: number, status: number): EjectionResult {
    const records = this.#records;
    if (status < 500) {
      records.ended(record, Run.any5xx);
      records.ended(record, Run.gateway);
      return undefined;
    }
    const { consecutive5xx, consecutiveGatewayErrors } = this.#policy;
    const row = records.failed(record, Run.any5xx);
    let gatewayRow = 0;
    if (status >= 502 && status <= 504) gatewayRow = records.failed(record, Run.gateway);
    else records.ended(record, Run.gateway);
    if (isReached(gatewayRow, consecutiveGatewayErrors)) {
      return this.#eject(uid, record, Run.gateway, 'consecutive_gateway_errors');
    }
    return isReached(row, consecutive5xx) ? this.#eject(uid, record, Run.any5xx, 'consecutive_5xx') : undefined;
  }

  #eject(uid: string, record: number, run: Run, cause: EjectionCause): EjectionResult {
    const records = this.#records;
    const { intervalMs, baseEjectionMs, maxEjectionPercent } = this.#policy;
    return records.locked((): EjectionResult => {
      const now = this.#now();
      // Another thread was first, or requests end that were under way.
      records.ended(record, run);
      const before = records.until(record);
      if (before > now) return undefined;
      if ((records.countOut(now) + 1) * 100 > maxEjectionPercent * this.#held.size) return 'too-many';
      const calm = before === 0 ? 0 : Math.floor((now - before) / intervalMs);
      const ejections = Math.max(0, records.ejections(record) - calm) + 1;
      const time = Math.min(baseEjectionMs * ejections, Math.max(baseEjectionMs, MAX_EJECTION_MS));
      const until = Math.ceil((now + time) / intervalMs) * intervalMs;
      records.eject(record, ejections, until);
      return { uid, cause, ejections, durationMs: Math.round(until - now) };
    });
  }
}

function isReached(row: number, limit: number): boolean {
  return limit > 0 && row >= limit;
}
