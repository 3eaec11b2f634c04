import { describe, expect, it } from 'vitest';
import type { RetryCondition } from '../model/served-service.ts';
import type { AttemptOutcome } from './attempt-outcome.ts';
import { CompiledRetryPolicy } from './compiled-retry-policy.ts';

const OUTCOMES = {
  'connect refused': { kind: 'connect-failed', reason: 'refused' },
  'connect timeout': { kind: 'connect-failed', reason: 'timeout' },
  'refused stream': { kind: 'refused-stream' },
  'reset, nothing sent': { kind: 'reset', reason: 'connection-ended', requestSent: false },
  'reset, sent': { kind: 'reset', reason: 'remote-reset', requestSent: true },
  'protocol error': { kind: 'reset', reason: 'protocol-error', requestSent: true },
  'per-try timeout': { kind: 'per-try-timeout' },
  'request timeout': { kind: 'request-timeout' },
  'no endpoint': { kind: 'no-endpoint', ejected: false },
  overflow: { kind: 'overflow', reason: 'AMBIT_REQUEST_LIMIT' },
  'too large': { kind: 'too-large' },
  200: { kind: 'response', status: 200, grpcStatus: -1 },
  304: { kind: 'response', status: 304, grpcStatus: -1 },
  404: { kind: 'response', status: 404, grpcStatus: -1 },
  409: { kind: 'response', status: 409, grpcStatus: -1 },
  429: { kind: 'response', status: 429, grpcStatus: -1 },
  500: { kind: 'response', status: 500, grpcStatus: -1 },
  501: { kind: 'response', status: 501, grpcStatus: -1 },
  502: { kind: 'response', status: 502, grpcStatus: -1 },
  503: { kind: 'response', status: 503, grpcStatus: -1 },
  504: { kind: 'response', status: 504, grpcStatus: -1 },
  505: { kind: 'response', status: 505, grpcStatus: -1 },
  599: { kind: 'response', status: 599, grpcStatus: -1 },
  '429, rate limited': { kind: 'response', status: 429, grpcStatus: -1, rateLimited: true },
  '503, rate limited': { kind: 'response', status: 503, grpcStatus: -1, rateLimited: true },
  'grpc 0': { kind: 'response', status: 200, grpcStatus: 0 },
  'grpc 1': { kind: 'response', status: 200, grpcStatus: 1 },
  'grpc 2': { kind: 'response', status: 200, grpcStatus: 2 },
  'grpc 4': { kind: 'response', status: 200, grpcStatus: 4 },
  'grpc 8': { kind: 'response', status: 200, grpcStatus: 8 },
  'grpc 13': { kind: 'response', status: 200, grpcStatus: 13 },
  'grpc 14': { kind: 'response', status: 200, grpcStatus: 14 },
} satisfies Record<string, AttemptOutcome>;

function covered(conditions: readonly RetryCondition[], statusCodes: readonly number[] = []): string[] {
  const policy = new CompiledRetryPolicy({
    retries: 1,
    conditions,
    statusCodes,
    perTryTimeoutMs: 0,
    backoffBaseMs: 25,
    ignorePreviousEndpoints: false,
    remoteLocalities: false,
  });
  return Object.entries(OUTCOMES)
    .filter(([, outcome]) => policy.covers(outcome))
    .map(([name]) => name)
    .sort();
}

const CONNECT = ['connect refused', 'connect timeout'];
const NO_RESPONSE = [
  ...CONNECT,
  'refused stream',
  'reset, nothing sent',
  'reset, sent',
  'protocol error',
  'per-try timeout',
];

describe('a retry condition covers', () => {
  it.each<[RetryCondition, string[]]>([
    ['connect-failure', CONNECT],
    ['refused-stream', ['refused stream']],
    ['reset', NO_RESPONSE],
    ['reset-before-request', [...CONNECT, 'reset, nothing sent']],
    ['5xx', [...NO_RESPONSE, '500', '501', '502', '503', '504', '505', '599']],
    ['gateway-error', [...NO_RESPONSE, '502', '503', '504']],
    ['retriable-4xx', ['409']],
    ['cancelled', ['grpc 1']],
    ['deadline-exceeded', ['grpc 4']],
    ['resource-exhausted', ['grpc 8']],
    ['internal', ['grpc 13']],
    ['unavailable', ['grpc 14']],
    ['envoy-ratelimited', ['429, rate limited', '503, rate limited']],
  ])('%s: %s', (condition, expected) => {
    expect(covered([condition])).toEqual([...expected].sort());
  });

  it('nothing by itself', () => {
    expect(covered([])).toEqual([]);
  });

  it('the listed statuses, any of them', () => {
    expect(covered([], [429, 404, 200])).toEqual(
      ['200', '404', '429', ...['0', '1', '2', '4', '8', '13', '14'].map((status) => `grpc ${status}`)].sort(),
    );
  });

  it("what any of them covers; Istio's default", () => {
    expect(covered(['connect-failure', 'refused-stream', 'unavailable', 'cancelled'], [503])).toEqual(
      [...CONNECT, 'refused stream', 'grpc 1', 'grpc 14', '503'].sort(),
    );
  });
});
