import type { CompiledDestination } from '../compiled-service.ts';
import { cookieValue, setCookieField } from '../cookies/cookies.ts';
import { hexOf } from '../load-balancing/consistent-hash/hash64.ts';
import { xxHash64 } from '../load-balancing/consistent-hash/xxhash64.ts';
import type { BalancedTier } from '../load-balancing/balanced-tier.ts';
import type { SessionPersistence } from '../model/served-service.ts';
import type { RequestFacts } from '../request/request-facts.ts';

/** What a client brings of its session. Nothing of it is trusted: it can name endpoints of its own route and no others. */
export interface SessionToken {
  /** Which endpoint. */
  readonly endpoint: string;
  /** Wall time, seconds. */
  readonly begun: number;
}

/** Where a session is kept with its clients, and what they are to send back. */
export interface SessionField {
  readonly name: string;
  readonly value: string;
}

/** The endpoints of one cluster as they were when they were last asked for. */
interface Known {
  readonly tiers: readonly BalancedTier[];
  readonly uids: ReadonlyMap<string, string>;
}

/** How the requests of one client to a route stay with one endpoint (GEP-1619). */
export class CompiledSession {
  /** All of the route's, those that weigh nothing too: a session goes before weights. */
  readonly destinations: readonly CompiledDestination[];
  readonly #model: SessionPersistence;
  /** Two routes share no session. */
  readonly #route: string;
  readonly #known = new Map<string, Known>();

  constructor(model: SessionPersistence, route: string, destinations: readonly CompiledDestination[]) {
    this.#model = model;
    this.#route = route;
    this.destinations = destinations;
  }

  /** `now`: wall time, seconds. Undefined: there is none, it is over, or it is none of ours. */
  tokenOf(facts: RequestFacts, now: number): SessionToken | undefined {
    const { kind, name, absoluteTimeoutS, idleTimeoutS } = this.#model;
    const text = kind === 'header' ? facts.header(name) : cookieValue(facts.header('cookie'), name);
    const [, endpoint, begunText = '', seenText = ''] = TOKEN.exec(text ?? '') ?? [];
    if (endpoint === undefined) return undefined;
    const [begun, seen] = [Number.parseInt(begunText, 36), Number.parseInt(seenText, 36)];
    const isOver =
      (absoluteTimeoutS > 0 && now - begun >= absoluteTimeoutS) || (idleTimeoutS > 0 && now - seen >= idleTimeoutS);
    return isOver ? undefined : { endpoint, begun };
  }

  /** The uid of the endpoint that a token names, among those of a cluster. */
  uidOf({ endpoint }: SessionToken, cluster: string, tiers: readonly BalancedTier[]): string | undefined {
    let known = this.#known.get(cluster);
    if (known?.tiers !== tiers) {
      const slots = tiers.flatMap((tier) => tier.slots);
      known = { tiers, uids: new Map(slots.map(({ uid }) => [this.#nameOf(cluster, uid), uid])) };
      this.#known.set(cluster, known);
    }
    return known.uids.get(endpoint);
  }

  /** What a client is told with the answer of an endpoint; undefined: it knows. */
  fieldFor(token: SessionToken | undefined, cluster: string, uid: string, now: number): SessionField | undefined {
    const { kind, name, path, permanent, absoluteTimeoutS, idleTimeoutS } = this.#model;
    const endpoint = this.#nameOf(cluster, uid);
    if (token?.endpoint === endpoint && idleTimeoutS === 0) return undefined;
    const begun = token?.endpoint === endpoint ? token.begun : now;
    const value = `${endpoint}.${begun.toString(36)}.${now.toString(36)}`;
    if (kind === 'header') return { name, value };
    const maxAgeS = permanent ? Math.max(1, absoluteTimeoutS - (now - begun)) : 0;
    return { name: 'set-cookie', value: setCookieField({ name, value, path, maxAgeS, attributes: [] }) };
  }

  #nameOf(cluster: string, uid: string): string {
    return hexOf(xxHash64(`${this.#route}\n${cluster}\n${uid}`));
  }
}

/** Endpoint, when the session began, when it was seen last. */
const TOKEN = /^([0-9a-f]{16})\.([0-9a-z]{1,8})\.([0-9a-z]{1,8})$/;
