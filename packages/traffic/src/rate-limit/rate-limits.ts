import type { SpiffeId } from '@ambit/core/spiffe';
import { MAX_RATE_LIMIT_KEY_LENGTH } from '../limits.ts';
import { RequestMatcher } from '../match/request-matcher.ts';
import type { LocalRateLimit, RateLimitKeyPart, RateLimitRule } from '../model/local-rate-limit.ts';
import type { RequestFacts } from '../request/request-facts.ts';
import { type KeyFingerprint, KeyHash } from './key-hash.ts';
import { type Taken, TokenBuckets } from './token-buckets.ts';

/** Who sends a request, as its proxy has proven. */
export interface RateLimitClient {
  /** Undefined: it has proven nothing. */
  readonly identity: SpiffeId | undefined;
  readonly sourceIp: string;
}

/** A rule of a policy, made ready. */
export class LimitedRule {
  readonly limit: LocalRateLimit;
  readonly rule: RateLimitRule;
  readonly #matchers: readonly RequestMatcher[];
  readonly #buckets: TokenBuckets;
  readonly #hash: KeyHash;

  constructor(limit: LocalRateLimit, rule: RateLimitRule, buckets: TokenBuckets) {
    this.limit = limit;
    this.rule = rule;
    this.#matchers = rule.matches.map((match) => new RequestMatcher(match));
    this.#buckets = buckets;
    this.#hash = new KeyHash(...buckets.secret);
  }

  /** A request that is too long for the expressions of a rule matches it: what nobody can tell is limited. */
  matches(facts: RequestFacts): boolean {
    if (this.#matchers.length === 0) return true;
    for (const matcher of this.#matchers) if (matcher.matches(facts) || facts.tooCostly) return true;
    return false;
  }

  take(client: RateLimitClient, facts: RequestFacts): Readonly<Taken> {
    return this.#buckets.take(this.#keyOf(client, facts));
  }

  look(client: RateLimitClient, facts: RequestFacts): Readonly<Taken> {
    return this.#buckets.look(this.#keyOf(client, facts));
  }

  #keyOf(client: RateLimitClient, facts: RequestFacts): KeyFingerprint {
    const hash = this.#hash;
    if (this.rule.key.length === 0) return hash.fingerprint;
    hash.begin();
    for (const part of this.rule.key) addPart(hash, part, client, facts);
    return hash.end();
  }
}

/** What a request lacks is a value too, so that nobody passes by leaving it out. */
function addPart(hash: KeyHash, { kind, name }: RateLimitKeyPart, client: RateLimitClient, facts: RequestFacts): void {
  const { identity } = client;
  switch (kind) {
    case 'source-principal':
      hash.add(identity?.trustDomain, MAX_RATE_LIMIT_KEY_LENGTH);
      hash.add(identity?.namespace, MAX_RATE_LIMIT_KEY_LENGTH);
      hash.add(identity?.serviceAccount, MAX_RATE_LIMIT_KEY_LENGTH);
      return;
    case 'source-namespace':
      hash.add(identity?.namespace, MAX_RATE_LIMIT_KEY_LENGTH);
      return;
    case 'source-service-account':
      hash.add(identity?.namespace, MAX_RATE_LIMIT_KEY_LENGTH);
      hash.add(identity?.serviceAccount, MAX_RATE_LIMIT_KEY_LENGTH);
      return;
    case 'source-address':
      hash.add(client.sourceIp, MAX_RATE_LIMIT_KEY_LENGTH);
      return;
    case 'header':
      hash.add(facts.header(name[0] === 'host' ? ':authority' : (name[0] ?? '')), MAX_RATE_LIMIT_KEY_LENGTH);
      return;
    case 'claim':
      addClaim(hash, facts.token?.claim(name));
      return;
    case 'path':
      hash.add(facts.path, MAX_RATE_LIMIT_KEY_LENGTH);
      return;
    case 'method':
      hash.add(facts.method, MAX_RATE_LIMIT_KEY_LENGTH);
      return;
  }
}

function addClaim(hash: KeyHash, claim: unknown): void {
  hash.add(claim === undefined ? undefined : JSON.stringify(claim), MAX_RATE_LIMIT_KEY_LENGTH);
}

/** What a rule says of one request. */
export interface RuleOutcome extends Readonly<Taken> {
  readonly rule: LimitedRule;
}

/** What all rules say of a request. */
export interface RateLimitVerdict {
  /** Of the rules that were asked for a token, or the one that has refused. Not of those in dry run. */
  readonly outcomes: readonly RuleOutcome[];
  /** The rule that refuses; undefined: it passes. */
  readonly refusal: RuleOutcome | undefined;
  /** Of rules in dry run. */
  readonly watched: readonly RuleOutcome[];
}

/** The limits of one service on one data thread. */
export class RateLimits {
  readonly #enforced: readonly LimitedRule[];
  readonly #watching: readonly LimitedRule[];

  /** `memoryOf`: the memory of a rule's buckets, by `bucketsKey`. */
  constructor(
    limits: readonly LocalRateLimit[],
    memoryOf: (key: string) => SharedArrayBuffer,
    thread: number,
    now: () => number,
  ) {
    const rulesOf = (dryRun: boolean): readonly LimitedRule[] =>
      limits
        .filter((limit) => limit.dryRun === dryRun)
        .flatMap((limit) =>
          limit.rules.map((rule) => {
            const buckets = new TokenBuckets(memoryOf(bucketsKey(limit, rule)), thread, rule, now);
            return new LimitedRule(limit, rule, buckets);
          }),
        );
    this.#enforced = rulesOf(false);
    this.#watching = rulesOf(true);
  }

  /**
   * Asks every rule that the request matches for a token. Of several, all are looked at before the first one is taken, so that a
   * request that one of them refuses costs nothing at the others. Undefined: none matches.
   */
  judge(client: RateLimitClient, facts: RequestFacts): RateLimitVerdict | undefined {
    const matched = this.#enforced.filter((rule) => rule.matches(facts));
    const watching = this.#watching.filter((rule) => rule.matches(facts));
    if (matched.length === 0 && watching.length === 0) return undefined;
    const outcomes: RuleOutcome[] = [];
    if (matched.length > 1) {
      for (const rule of matched) {
        const seen = rule.look(client, facts);
        if (!seen.admitted) return refused({ rule, ...seen });
      }
    }
    for (const rule of matched) {
      const outcome = { rule, ...rule.take(client, facts) };
      if (!outcome.admitted) return refused(outcome);
      outcomes.push(outcome);
    }
    const watched = watching.map((rule) => ({ rule, ...rule.take(client, facts) }));
    return { outcomes, refusal: undefined, watched };
  }
}

function refused(refusal: RuleOutcome): RateLimitVerdict {
  return { outcomes: [refusal], refusal, watched: [] };
}

/** What the buckets of a rule are known by: as long as nothing of the rule changes they stay as they are. */
export function bucketsKey({ target, namespace, name }: LocalRateLimit, rule: RateLimitRule): string {
  return `${target} ${namespace}/${name} ${JSON.stringify(rule)}`;
}
