import { ManualClock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import type { PostOptions } from '@ambit/kube/client-options';
import { beforeEach, describe, expect, it } from 'vitest';
import { MAX_TOKEN_REVIEWS, TOKEN_ACCEPTED_MS, TOKEN_REFUSED_MS, TOKEN_STALE_MS } from '../limits.ts';
import { Counters } from '../serve/counters.ts';
import { ReviewedTokens } from './token-review.ts';
import type { TokenReview } from './token-review-object.ts';

const EXTRA = {
  'authentication.kubernetes.io/pod-name': ['cart-1'],
  'authentication.kubernetes.io/pod-uid': ['uid-1'],
  'authentication.kubernetes.io/node-name': ['a'],
};
const GOOD: TokenReview['status'] = {
  authenticated: true,
  audiences: ['istio-ca'],
  user: { username: 'system:serviceaccount:shop:cart', extra: EXTRA },
};
const CALLER = { namespace: 'shop', serviceAccount: 'cart', podName: 'cart-1', podUid: 'uid-1', nodeName: 'a' };

let clock: ManualClock;
let status: TokenReview['status'];
let away: boolean;
let asked: TokenReview['spec'][];
let hold: Promise<void> | undefined;
let tokens: ReviewedTokens;

beforeEach(() => {
  clock = new ManualClock(1_000_000_000);
  status = GOOD;
  away = false;
  asked = [];
  hold = undefined;
  const post = async <T extends object>(path: string, body: Partial<T>, options: PostOptions = {}): Promise<T> => {
    // A review whose answer was lost may be asked for again.
    expect(options.repeatable).toBe(true);
    expect(path).toBe('/apis/authentication.k8s.io/v1/tokenreviews');
    asked.push((body as Partial<TokenReview>).spec ?? { token: '', audiences: [] });
    await hold;
    if (away) throw new AmbitError('AMBIT_KUBE_UNREACHABLE', 'nobody answers', { retryable: true });
    return { ...body, status } as T;
  };
  tokens = new ReviewedTokens({ client: { post }, clock, counters: new Counters() });
});

/** A JWT whose payload says when it expires, `seconds` from now. */
function token(name: string, seconds = 43_200): string {
  const payload = { sub: name, exp: clock.wallTime() / 1_000 + seconds };
  return `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.s`;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => 'accepted',
    (error: unknown) => (error instanceof AmbitError ? error.code : String(error)),
  );
}

describe('a token', () => {
  it('is asked about with our audience, and gives pod and node', async () => {
    expect(await tokens.verify('t')).toEqual(CALLER);
    expect(asked).toEqual([{ token: 't', audiences: ['istio-ca'] }]);
  });

  it.each<[string, TokenReview['status'], RegExp]>([
    ['nobody knows', { authenticated: false }, /does not know it/],
    ['is expired', { ...GOOD, authenticated: false, error: 'token expired' }, /token expired/],
    ['is for another audience', { ...GOOD, audiences: ['other'] }, /audience/],
    ['an authenticator without audiences takes', { ...GOOD, audiences: [] }, /audience/],
    ['is of a user', { ...GOOD, user: { username: 'admin', extra: EXTRA } }, /no service account/],
    ['is of a longer name', { ...GOOD, user: { username: 'system:serviceaccount:a:b:c', extra: EXTRA } }, /no service/],
    ['is bound to no pod', { ...GOOD, user: { username: 'system:serviceaccount:shop:cart' } }, /no pod/],
    [
      'tells of no node',
      { ...GOOD, user: { ...GOOD.user, extra: { ...EXTRA, 'authentication.kubernetes.io/node-name': [] } } },
      /1\.30/,
    ],
    ['has no answer', undefined, /does not know it/],
  ])('that %s is refused', async (_name, said, reason) => {
    status = said;
    await expect(tokens.verify('t')).rejects.toThrow(reason);
    expect(await codeOf(tokens.verify('t'))).toBe('AMBIT_TOKEN_REFUSED');
  });

  it('is asked about again after a minute, or when it has expired', async () => {
    const [long, short] = [token('long'), token('short', 20)];
    await tokens.verify(long);
    await tokens.verify(short);
    clock.advance(20_000);
    await tokens.verify(long);
    await tokens.verify(short);
    expect(asked.map((spec) => spec.token)).toEqual([long, short, short]);
    clock.advance(TOKEN_ACCEPTED_MS - 20_000);
    await tokens.verify(long);
    expect(asked.length).toBe(4);
  });

  it('that was refused is asked about again after seconds', async () => {
    status = { authenticated: false };
    await codeOf(tokens.verify('t'));
    clock.advance(TOKEN_REFUSED_MS - 1);
    await codeOf(tokens.verify('t'));
    expect(asked.length).toBe(1);
    status = GOOD;
    clock.advance(1);
    expect(await tokens.verify('t')).toEqual(CALLER);
  });

  it('is asked about once by all who present it at the same time', async () => {
    await Promise.all([tokens.verify('t'), tokens.verify('t'), tokens.verify('t')]);
    expect(asked.length).toBe(1);
  });
});

describe('while the API server is away', () => {
  it('goes on when it was accepted before, until it expires', async () => {
    const known = token('known', 600);
    await tokens.verify(known);
    away = true;
    clock.advance(599_000);
    expect(await tokens.verify(known)).toEqual(CALLER);
    clock.advance(1_000);
    expect(await codeOf(tokens.verify(known))).toBe('AMBIT_TOKEN_UNCHECKED');
  });

  it('goes on for an hour at most', async () => {
    const known = token('known');
    await tokens.verify(known);
    away = true;
    clock.advance(TOKEN_STALE_MS);
    expect(await codeOf(tokens.verify(known))).toBe('AMBIT_TOKEN_UNCHECKED');
  });

  it('is no verdict on a token that nobody has seen, and none on one that was refused', async () => {
    status = { authenticated: false };
    await codeOf(tokens.verify('bad'));
    away = true;
    clock.advance(TOKEN_REFUSED_MS);
    const errors = await Promise.allSettled([tokens.verify('new'), tokens.verify('bad')]);
    expect(errors).toMatchObject([
      { reason: { code: 'AMBIT_TOKEN_UNCHECKED', retryable: true } },
      { reason: { code: 'AMBIT_TOKEN_UNCHECKED', retryable: true } },
    ]);
  });

  it('takes no more questions than a bound, and tells further callers to come again', async () => {
    let release: () => void = () => undefined;
    hold = new Promise((resolve) => {
      release = resolve;
    });
    const waiting = Array.from({ length: MAX_TOKEN_REVIEWS }, (_, index) => tokens.verify(`t${index}`));
    expect(await codeOf(tokens.verify('one more'))).toBe('AMBIT_TOKEN_UNCHECKED');
    release();
    await Promise.all(waiting);
    expect(asked.length).toBe(MAX_TOKEN_REVIEWS);
  });
});
