import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RETRY_BUDGET_FLOOR } from '../limits.ts';
import type { RetryPolicy } from '../model/served-service.ts';
import {
  type AttemptOutcome,
  type AttemptProgress,
  CONNECT_REFUSED,
  CONNECT_TIMED_OUT,
  NO_ENDPOINT,
  overflowOf,
  PER_TRY_TIMED_OUT,
  REFUSED_STREAM,
  REQUEST_TIMED_OUT,
  TOO_LARGE,
} from './attempt-outcome.ts';
import { Attempts } from './attempts.ts';
import { CompiledRetryPolicy } from './compiled-retry-policy.ts';
import { budgetOf } from '../test-cluster-state.ts';

const GET: AttemptProgress = { bodyBytesSent: 0, bodyComplete: true, replayable: true, responseBegun: false };
const ANSWERED: AttemptProgress = { ...GET, responseBegun: true };

const response = (status: number, grpcStatus = -1): AttemptOutcome => ({ kind: 'response', status, grpcStatus });
const reset = (reason: 'connection-ended' | 'protocol-error' | 'remote-reset'): AttemptOutcome => ({
  kind: 'reset',
  reason,
  requestSent: true,
});

const REQUEST_LIMIT = overflowOf('AMBIT_REQUEST_LIMIT') ?? NO_ENDPOINT;

const PASS = { kind: 'pass', flags: '-' };

function policy(fields: Partial<RetryPolicy> = {}): CompiledRetryPolicy {
  return new CompiledRetryPolicy({
    retries: 2,
    conditions: ['5xx'],
    statusCodes: [],
    perTryTimeoutMs: 0,
    backoffBaseMs: 25,
    ignorePreviousEndpoints: false,
    remoteLocalities: false,
    ...fields,
  });
}

function attemptsOf(retry: CompiledRetryPolicy | undefined = policy(), budget = budgetOf()): Attempts {
  return new Attempts(retry, budget, () => 0.5);
}

const answer = (status: number, flags: string, details: string) => ({
  kind: 'answer',
  answer: expect.objectContaining({ status, flags, details }) as unknown,
});

describe('a request', () => {
  it('whose first try succeeds is passed on', () => {
    const attempts = attemptsOf();
    attempts.begin('a');
    expect(attempts.next(response(200), GET)).toEqual(PASS);
    expect(attempts.state).toBe('decided');
  });

  it('is tried again elsewhere until the tries are used up, with growing delays', () => {
    const attempts = attemptsOf();
    attempts.begin('a');
    expect(attempts.next(CONNECT_REFUSED, GET)).toEqual({ kind: 'retry', delayMs: 12 });
    expect(attempts.state).toBe('waiting');
    expect(attempts.tried).toEqual(['a']);
    attempts.begin('b');
    expect(attempts.next(response(503), GET)).toEqual({ kind: 'retry', delayMs: 37 });
    expect(attempts.tried).toEqual(['a', 'b']);
    attempts.begin('c');
    expect(attempts.begun).toBe(3);
    expect(attempts.next(response(503), GET)).toEqual({ kind: 'pass', flags: 'URX' });
  });

  it('is passed on when a later try succeeds', () => {
    const attempts = attemptsOf();
    attempts.begin('a');
    attempts.next(REFUSED_STREAM, GET);
    attempts.begin('b');
    expect(attempts.next(response(200), GET)).toEqual(PASS);
  });

  it('may go to the same endpoint again when the policy says so', () => {
    const attempts = attemptsOf(policy({ ignorePreviousEndpoints: true }));
    attempts.begin('a');
    expect(attempts.next(CONNECT_REFUSED, GET).kind).toBe('retry');
    expect(attempts.tried).toEqual([]);
  });

  it.each([
    [true, [0, 0, 1, 1, 2]],
    [false, [0, 0, 0, 0, 0]],
  ])(
    'passes over a rank of endpoints with every second try when the policy says so: %s',
    (remoteLocalities, expected) => {
      const attempts = attemptsOf(policy({ remoteLocalities, retries: 9 }));
      const passed = expected.map(() => {
        const { passedRanks } = attempts;
        attempts.begin('a');
        attempts.next(CONNECT_REFUSED, GET);
        return passedRanks;
      });
      expect(passed).toEqual(expected);
    },
  );

  it('is not tried again for what the policy does not list', () => {
    const attempts = attemptsOf(policy({ conditions: ['connect-failure'] }));
    attempts.begin('a');
    expect(attempts.next(response(503), GET)).toEqual(PASS);
  });

  it('is not tried again without a policy', () => {
    const attempts = new Attempts(undefined, budgetOf(), () => 0);
    attempts.begin('a');
    expect(attempts.next(CONNECT_REFUSED, GET)).toEqual(
      answer(503, 'UF', 'upstream_reset_before_response_started{remote_connection_failure}'),
    );
  });

  it('is not tried again once the client has a response', () => {
    const attempts = attemptsOf();
    attempts.begin('a');
    attempts.next(response(200), GET);
    expect(attempts.next(reset('remote-reset'), ANSWERED)).toEqual({
      kind: 'cut',
      flags: 'UR',
      details: 'upstream_reset_after_response_started{remote_reset}',
    });
  });

  it.each<[string, Partial<AttemptProgress>, boolean]>([
    ['none was sent', { bodyBytesSent: 0, bodyComplete: false }, true],
    ['some of it was sent', { bodyBytesSent: 1, bodyComplete: false }, false],
    ['it was sent wholly and is held', { bodyBytesSent: 9, bodyComplete: true }, true],
    ['it was sent wholly and is not held', { bodyBytesSent: 9, bodyComplete: true, replayable: false }, false],
    ['none was sent and it is not held', { bodyComplete: false, replayable: false }, false],
  ])('with a body of which %s: %j', (_case, fields, again) => {
    for (const outcome of [
      REFUSED_STREAM,
      CONNECT_REFUSED,
      response(503),
      reset('connection-ended'),
      PER_TRY_TIMED_OUT,
    ]) {
      const attempts = attemptsOf();
      attempts.begin('a');
      expect(attempts.next(outcome, { ...GET, ...fields }).kind === 'retry').toBe(again);
    }
  });
});

describe('a request that got no response is answered', () => {
  it.each<[string, AttemptOutcome, unknown]>([
    [
      'connect',
      CONNECT_REFUSED,
      answer(503, 'UF', 'upstream_reset_before_response_started{remote_connection_failure}'),
    ],
    [
      'connect time',
      CONNECT_TIMED_OUT,
      answer(503, 'UF', 'upstream_reset_before_response_started{connection_timeout}'),
    ],
    [
      'refusal',
      REFUSED_STREAM,
      answer(503, 'UR', 'upstream_reset_before_response_started{remote_refused_stream_reset}'),
    ],
    ['reset', reset('remote-reset'), answer(503, 'UR', 'upstream_reset_before_response_started{remote_reset}')],
    [
      'end',
      reset('connection-ended'),
      answer(503, 'UC', 'upstream_reset_before_response_started{connection_termination}'),
    ],
    ['nonsense', reset('protocol-error'), answer(502, 'UPE', 'upstream_reset_before_response_started{protocol_error}')],
    ['time of a try', PER_TRY_TIMED_OUT, answer(504, 'UT', 'upstream_per_try_timeout')],
    ['time', REQUEST_TIMED_OUT, answer(504, 'UT', 'response_timeout')],
    ['nobody there', NO_ENDPOINT, answer(503, 'UH', 'no_healthy_upstream')],
    ['a limit', REQUEST_LIMIT, answer(503, 'UO', 'overflow')],
    ['more than it takes', TOO_LARGE, answer(431, 'DPE', 'request_headers_too_large')],
  ])('%s', (_case, outcome, expected) => {
    const attempts = attemptsOf(policy({ conditions: [] }));
    attempts.begin('a');
    expect(attempts.next(outcome, GET)).toEqual(expected);
  });

  it.each<[AttemptOutcome, string]>([
    [CONNECT_REFUSED, 'UF,URX'],
    [REFUSED_STREAM, 'UR,URX'],
    [PER_TRY_TIMED_OUT, 'UT,URX'],
  ])('and told that tries are used up: %j %s', (outcome, flags) => {
    const attempts = attemptsOf(policy({ retries: 1 }));
    attempts.begin('a');
    attempts.next(outcome, GET);
    attempts.begin('b');
    expect(attempts.next(outcome, GET)).toMatchObject({ kind: 'answer', answer: { flags } });
  });

  it('when its time is over, even while it waits to be tried again', () => {
    const attempts = attemptsOf();
    attempts.begin('a');
    attempts.next(CONNECT_REFUSED, GET);
    expect(attempts.next(REQUEST_TIMED_OUT, GET)).toEqual(answer(504, 'UT', 'response_timeout'));
  });

  it('at once when there is no endpoint, for the first try and for later ones', () => {
    expect(attemptsOf().next(NO_ENDPOINT, GET)).toEqual(answer(503, 'UH', 'no_healthy_upstream'));
  });
});

describe('a response that the client has in part is cut', () => {
  it.each<[AttemptOutcome, string, string]>([
    [reset('connection-ended'), 'UC', 'upstream_reset_after_response_started{connection_termination}'],
    [reset('protocol-error'), 'UPE', 'upstream_reset_after_response_started{protocol_error}'],
    [PER_TRY_TIMED_OUT, 'UT', 'upstream_per_try_timeout'],
    [REQUEST_TIMED_OUT, 'UT', 'response_timeout'],
  ])('%j: %s %s', (outcome, flags, details) => {
    const attempts = attemptsOf();
    attempts.begin('a');
    attempts.next(response(200), GET);
    expect(attempts.next(outcome, ANSWERED)).toEqual({ kind: 'cut', flags, details });
  });
});

describe('the retry budget', () => {
  it('lets few requests retry whatever they are', () => {
    const budget = budgetOf();
    const results = [...Array(RETRY_BUDGET_FLOOR + 1).keys()].map(() => {
      const attempts = attemptsOf(policy(), budget);
      attempts.begin('a');
      return attempts.next(response(503), GET);
    });
    expect(results.filter(({ kind }) => kind === 'retry')).toHaveLength(RETRY_BUDGET_FLOOR);
    expect(results.at(-1)).toEqual({ kind: 'pass', flags: 'UO' });
  });

  it('lets a fifth of many requests retry', () => {
    const budget = budgetOf();
    const all = [...Array(1_000).keys()].map(() => attemptsOf(policy(), budget));
    for (const attempts of all) attempts.begin('a');
    expect(all.filter((attempts) => attempts.next(CONNECT_REFUSED, GET).kind === 'retry')).toHaveLength(200);
  });

  it('says so when there is no response to pass on', () => {
    const budget = budgetOf();
    while (budget.take());
    const attempts = attemptsOf(policy(), budget);
    attempts.begin('a');
    expect(attempts.next(CONNECT_REFUSED, GET)).toMatchObject({ kind: 'answer', answer: { flags: 'UF,UO' } });
  });

  it('counts a request that is tried several times once', () => {
    const budget = budgetOf();
    const attempts = attemptsOf(policy({ retries: 9 }), budget);
    for (let at = 0; at < 9; at++) {
      attempts.begin('a');
      expect(attempts.next(CONNECT_REFUSED, GET).kind).toBe('retry');
      expect(budget.retries).toBe(1);
    }
  });

  it('gets everything back whatever happens', () => {
    const outcomes = fc.array(
      fc.constantFrom(
        CONNECT_REFUSED,
        REFUSED_STREAM,
        response(200),
        response(503),
        reset('remote-reset'),
        PER_TRY_TIMED_OUT,
        NO_ENDPOINT,
        REQUEST_TIMED_OUT,
      ),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(fc.array(outcomes, { maxLength: 8 }), (requests) => {
        const budget = budgetOf();
        const all = requests.map((list) => {
          const attempts = attemptsOf(policy(), budget);
          for (const outcome of list) {
            if (attempts.state === 'choosing' || attempts.state === 'waiting') attempts.begin('a');
            const { kind } = attempts.next(outcome, attempts.state === 'decided' ? ANSWERED : GET);
            expect(attempts.state).toBe(kind === 'retry' ? 'waiting' : 'decided');
            expect(attempts.begun).toBeLessThanOrEqual(3);
          }
          return attempts;
        });
        expect(budget.requests).toBe(requests.length);
        expect(budget.retries).toBeLessThanOrEqual(Math.max(RETRY_BUDGET_FLOOR, requests.length / 5));
        for (const attempts of all) {
          attempts.end();
          attempts.end();
        }
        expect(budget).toMatchObject({ requests: 0, retries: 0 });
      }),
    );
  });
});

describe('the order of calls is held', () => {
  it('no try begins while another runs, or after a decision', () => {
    const attempts = attemptsOf();
    attempts.begin('a');
    expect(() => attempts.begin('b')).toThrow('trying');
    attempts.next(response(200), GET);
    expect(() => attempts.begin('b')).toThrow('decided');
  });

  it('nothing comes after the end', () => {
    const attempts = attemptsOf();
    attempts.end();
    expect(() => attempts.next(CONNECT_REFUSED, GET)).toThrow('over');
    expect(() => attempts.begin('a')).toThrow('over');
  });
});
