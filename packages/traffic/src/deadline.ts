import { MAX_DEADLINE_MS } from './limits.ts';
import { isGrpcRequest } from './local-answer.ts';
import type { RequestFacts } from './request/request-facts.ts';

/** Milliseconds of the units of `grpc-timeout`: hour, minute, second, milli-, micro-, nanosecond. */
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1 / 1_000,
  n: 1 / 1_000_000,
};

const DIGITS = 8;

/**
 * `grpc-timeout` in milliseconds, rounded up, at least 1 (a client whose deadline has passed says 0) and at most
 * `MAX_DEADLINE_MS`. Undefined for what is none (1 to 8 digits and a unit, gRPC over HTTP/2): it is ignored then.
 */
export function parseGrpcTimeout(value: string): number | undefined {
  const last = value.length - 1;
  const unit = UNIT_MS[value.charAt(last)];
  if (last < 1 || last > DIGITS || unit === undefined) return undefined;
  let amount = 0;
  for (let at = 0; at < last; at++) {
    const digit = value.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    amount = amount * 10 + digit;
  }
  return Math.min(Math.max(Math.ceil(amount * unit), 1), MAX_DEADLINE_MS);
}

/**
 * How long a request may take. What the route says counts from the end of the request, so that a slow sender is not
 * blamed on the backend (as Envoy does); the deadline of a gRPC client counts from the head. The one that ends first holds.
 */
export class Deadline {
  readonly #routeTimeoutMs: number;
  #at: number;

  private constructor(routeTimeoutMs: number, at: number) {
    this.#routeTimeoutMs = routeTimeoutMs;
    this.#at = at;
  }

  /** At the head of a request; `routeTimeoutMs` 0 is none; `now` in monotonic milliseconds, as everywhere here. */
  static of(facts: RequestFacts, routeTimeoutMs: number, now: number): Deadline {
    const sent = facts.header('grpc-timeout');
    const grpcMs = sent === undefined || !isGrpcRequest(facts) ? undefined : parseGrpcTimeout(sent);
    return new Deadline(routeTimeoutMs, grpcMs === undefined ? Number.POSITIVE_INFINITY : now + grpcMs);
  }

  /** When the request is over, in monotonic milliseconds; Infinity while nothing limits it. */
  get at(): number {
    return this.#at;
  }

  /** The end of the request has come. */
  requestReceived(now: number): void {
    if (this.#routeTimeoutMs > 0) this.#at = Math.min(this.#at, now + this.#routeTimeoutMs);
  }

  passed(now: number): boolean {
    return now >= this.#at;
  }
}
