import { type LocalAnswer, localAnswer } from '../local-answer.ts';
import { StringMatcher } from '../match/string-matcher.ts';
import type { Cors } from '../model/route-filters.ts';
import type { RequestFacts } from '../request/request-facts.ts';

const ANY = '*';

/** A preflight request of an origin that gets no permission: a browser goes no further (Fetch 4.8). */
const WITHOUT_PERMISSION: LocalAnswer = preflightAnswer([]);

/** Cross-origin resource sharing for a route (Fetch standard 3.2), made ready. Fields are Envoy's, `vary` is added. */
export class CompiledCors {
  readonly #origins: readonly StringMatcher[];
  readonly #anyOrigin: boolean;
  readonly #methods: string;
  readonly #headers: string;
  readonly #exposed: string;
  readonly #maxAge: string | undefined;
  readonly #credentials: boolean;
  readonly #forwardsUnmatched: boolean;

  constructor(cors: Cors) {
    this.#anyOrigin = cors.allowOrigins.some(({ kind, text }) => kind === 'exact' && text === ANY);
    this.#origins = cors.allowOrigins.map((match) => new StringMatcher(match));
    this.#methods = cors.allowMethods.join(',');
    this.#headers = cors.allowHeaders.join(',');
    this.#exposed = cors.exposeHeaders.join(',');
    this.#maxAge = cors.maxAgeSeconds === null ? undefined : String(cors.maxAgeSeconds);
    this.#credentials = cors.allowCredentials;
    this.#forwardsUnmatched = cors.forwardUnmatchedPreflights;
  }

  /** The answer to a preflight request that is not for the backend; undefined for every other request. */
  preflight(facts: RequestFacts): LocalAnswer | undefined {
    if (facts.method !== 'OPTIONS') return undefined;
    const origin = facts.header('origin');
    const method = facts.header('access-control-request-method');
    if (origin === undefined || method === undefined || method.length === 0) return undefined;
    if (!this.#allows(origin, facts)) {
      // An origin too long for its expressions is not known to be another one.
      return this.#forwardsUnmatched && !facts.tooCostly ? undefined : WITHOUT_PERMISSION;
    }
    const fields = ['access-control-allow-origin', origin];
    if (this.#credentials) fields.push('access-control-allow-credentials', 'true');
    push(fields, 'access-control-allow-methods', this.#methods === ANY ? method : this.#methods);
    const asked = facts.header('access-control-request-headers') ?? '';
    push(fields, 'access-control-allow-headers', this.#headers === ANY ? asked : this.#headers);
    if (this.#maxAge !== undefined) fields.push('access-control-max-age', this.#maxAge);
    return preflightAnswer(fields);
  }

  /** Says in the head of an answer what its origin may do with it, and to caches that others may hear otherwise. */
  permit(facts: RequestFacts, head: string[]): void {
    const origin = facts.header('origin');
    if (origin !== undefined && this.#allows(origin, facts)) {
      set(head, 'access-control-allow-origin', origin);
      if (this.#credentials) set(head, 'access-control-allow-credentials', 'true');
      if (this.#exposed.length > 0) set(head, 'access-control-expose-headers', this.#exposed);
    }
    if (!varies(head)) head.push('vary', 'origin');
  }

  #allows(origin: string, facts: RequestFacts): boolean {
    if (origin.length === 0) return false;
    if (this.#anyOrigin) return true;
    for (const matcher of this.#origins) if (matcher.matchesAnyCase(origin, facts)) return true;
    return false;
  }
}

function preflightAnswer(fields: readonly string[]): LocalAnswer {
  return { ...localAnswer(200, '-', 'cors_response', ''), fields };
}

function push(fields: string[], name: string, value: string): void {
  if (value.length > 0) fields.push(name, value);
}

/** Replaces what a backend has said. */
function set(head: string[], name: string, value: string): void {
  for (let at = head.length - 2; at >= 0; at -= 2) if (head[at] === name) head.splice(at, 2);
  head.push(name, value);
}

/** Whether caches know already that the answer depends on the origin (RFC 9110 12.5.5). */
function varies(head: readonly string[]): boolean {
  for (let at = 0; at + 1 < head.length; at += 2) {
    if (head[at] !== 'vary') continue;
    const names = (head[at + 1] ?? '').toLowerCase().split(',');
    if (names.some((name) => name.trim() === 'origin' || name.trim() === ANY)) return true;
  }
  return false;
}
