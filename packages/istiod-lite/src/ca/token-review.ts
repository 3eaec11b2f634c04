import { createHash } from 'node:crypto';
import type { Clock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { KubeClient } from '@ambit/kube/client';
import {
  MAX_REMEMBERED_TOKENS,
  MAX_TOKEN_BYTES,
  MAX_TOKEN_REVIEWS,
  TOKEN_ACCEPTED_MS,
  TOKEN_REFUSED_MS,
  TOKEN_REVIEW_TIMEOUT_MS,
  TOKEN_STALE_MS,
} from '../limits.ts';
import type { Counters } from '../serve/counters.ts';
import type { Caller, TokenVerifier } from './caller.ts';
import {
  callerOfReview,
  expiryOf,
  TOKEN_REVIEWS_PATH,
  type TokenReview,
  tokenReviewOf,
} from './token-review-object.ts';

/** What the API server said of a token; `at` and `until` are monotonic milliseconds. */
type Answer =
  | { readonly accepted: true; readonly caller: Caller; readonly at: number; readonly until: number }
  | { readonly accepted: false; readonly refusal: AmbitError; readonly at: number };

/** A caller waits meanwhile, and comes again by itself. Asking twice changes nothing. */
const LIMITS = { timeout: TOKEN_REVIEW_TIMEOUT_MS, attempts: 2, repeatable: true } as const;

export interface ReviewedTokensParts {
  readonly client: Pick<KubeClient, 'post'>;
  readonly clock: Clock;
  readonly counters: Counters;
}

/**
 * Asks the API server who presents a token, by TokenReview, and remembers the answer for a while by the token's hash. While
 * the API server cannot be asked, tokens that it has accepted before go on, and others get `AMBIT_TOKEN_UNCHECKED`.
 */
export class ReviewedTokens implements TokenVerifier {
  readonly #parts: ReviewedTokensParts;
  readonly #answers = new Map<string, Answer>();
  readonly #asking = new Map<string, Promise<Caller>>();

  constructor(parts: ReviewedTokensParts) {
    this.#parts = parts;
  }

  async verify(token: string): Promise<Caller> {
    if (token.length > MAX_TOKEN_BYTES) {
      throw new AmbitError('AMBIT_TOKEN_REFUSED', `the bearer token is longer than ${MAX_TOKEN_BYTES} bytes`, {
        source: 'peer',
      });
    }
    const key = createHash('sha256').update(token).digest('base64');
    const known = this.#remembered(key);
    if (known !== undefined) {
      if (known.accepted) return known.caller;
      throw known.refusal;
    }
    const asking = this.#asking.get(key);
    if (asking !== undefined) return await asking;
    if (this.#asking.size >= MAX_TOKEN_REVIEWS) throw unchecked(`${MAX_TOKEN_REVIEWS} are being asked about already`);
    const promise = this.#ask(key, token).finally(() => this.#asking.delete(key));
    this.#asking.set(key, promise);
    return await promise;
  }

  /** What needs not be asked again. */
  #remembered(key: string): Answer | undefined {
    const answer = this.#answers.get(key);
    if (answer === undefined) return undefined;
    const now = this.#parts.clock.now();
    const fresh = answer.accepted
      ? now < Math.min(answer.at + TOKEN_ACCEPTED_MS, answer.until)
      : now < answer.at + TOKEN_REFUSED_MS;
    if (fresh) this.#remember(key, answer);
    return fresh ? answer : undefined;
  }

  async #ask(key: string, token: string): Promise<Caller> {
    const { client, clock, counters } = this.#parts;
    let review: TokenReview;
    try {
      review = await client.post<TokenReview>(TOKEN_REVIEWS_PATH, tokenReviewOf(token), LIMITS);
    } catch (error) {
      counters.count('ambit_token_reviews_total', { answer: 'none' });
      const before = this.#answers.get(key);
      const now = clock.now();
      if (before?.accepted === true && now < Math.min(before.at + TOKEN_STALE_MS, before.until)) return before.caller;
      throw unchecked(messageOf(error), error);
    }
    const at = clock.now();
    const answer = callerOfReview(review);
    if (typeof answer === 'string') {
      counters.count('ambit_token_reviews_total', { answer: 'refused' });
      const refusal = new AmbitError('AMBIT_TOKEN_REFUSED', `the bearer token is refused: ${answer}`, {
        source: 'peer',
      });
      this.#remember(key, { accepted: false, refusal, at });
      throw refusal;
    }
    counters.count('ambit_token_reviews_total', { answer: 'accepted' });
    const until = at + Math.max(0, (expiryOf(token) ?? 0) - clock.wallTime());
    this.#remember(key, { accepted: true, caller: answer, at, until });
    return answer;
  }

  #remember(key: string, answer: Answer): void {
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    if (this.#answers.size <= MAX_REMEMBERED_TOKENS) return;
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined) this.#answers.delete(oldest);
  }
}

function unchecked(reason: string, cause?: unknown): AmbitError {
  return new AmbitError('AMBIT_TOKEN_UNCHECKED', `the bearer token cannot be checked now: ${reason}`, {
    source: 'system',
    retryable: true,
    cause,
  });
}
