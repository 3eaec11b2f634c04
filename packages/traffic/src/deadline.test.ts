import { describe, expect, it } from 'vitest';
import { Deadline, parseGrpcTimeout } from './deadline.ts';
import { MAX_DEADLINE_MS } from './limits.ts';
import { factsOf } from './test-service.ts';

describe('grpc-timeout', () => {
  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['250m', 250],
    ['1500u', 2],
    ['1n', 1],
    ['0n', 1],
    ['0S', 1],
    ['00000001S', 1_000],
    ['99999999m', 99_999_999],
    ['99999999H', MAX_DEADLINE_MS],
    ['', undefined],
    ['S', undefined],
    ['5', undefined],
    ['5s', undefined],
    ['-5S', undefined],
    ['+5S', undefined],
    ['1.5S', undefined],
    [' 5S', undefined],
    ['5 S', undefined],
    ['5SS', undefined],
    ['123456789m', undefined],
  ])('%j is %j ms', (value, expected) => {
    expect(parseGrpcTimeout(value)).toBe(expected);
  });
});

const grpc = (timeout: string) =>
  factsOf('/shop.Cart/Get', ['content-type: application/grpc', `grpc-timeout: ${timeout}`]);

describe('a deadline', () => {
  it('of the route counts from the end of the request', () => {
    const deadline = Deadline.of(factsOf('/'), 500, 1_000);
    expect(deadline.at).toBe(Number.POSITIVE_INFINITY);
    expect(deadline.passed(9_999)).toBe(false);
    deadline.requestReceived(3_000);
    expect(deadline.at).toBe(3_500);
    expect(deadline.passed(3_499)).toBe(false);
    expect(deadline.passed(3_500)).toBe(true);
  });

  it('of a gRPC client counts from the head', () => {
    const deadline = Deadline.of(grpc('200m'), 0, 1_000);
    expect(deadline.at).toBe(1_200);
    deadline.requestReceived(1_100);
    expect(deadline.at).toBe(1_200);
  });

  it.each([
    ['200m', 1_200],
    ['900m', 1_600],
    ['soon', 1_600],
  ])('is the one that ends first, with grpc-timeout %s: %d', (timeout, expected) => {
    const deadline = Deadline.of(grpc(timeout), 500, 1_000);
    deadline.requestReceived(1_100);
    expect(deadline.at).toBe(expected);
  });

  it('is none when nobody sets one, and grpc-timeout means nothing without gRPC', () => {
    const deadline = Deadline.of(factsOf('/', ['grpc-timeout: 1m', 'content-type: application/json']), 0, 0);
    deadline.requestReceived(5);
    expect(deadline.at).toBe(Number.POSITIVE_INFINITY);
  });
});
