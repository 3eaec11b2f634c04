import type { RetryCondition } from '@ambit/traffic/model/served-service';
import { describe, expect, it } from 'vitest';
import { answering, application, Client, respond } from './test-application.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

type Version = 'HTTP/1.1' | 'HTTP/2';

/** Every word of `retryOn`; `retriable-status-codes` stands for the numbers beside it. */
const CONDITIONS = [
  ...['5xx', 'gateway-error', 'reset', 'reset-before-request', 'connect-failure', 'refused-stream'],
  ...['envoy-ratelimited', 'retriable-4xx', 'retriable-status-codes'],
  ...['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable'],
] as const;
type Word = RetryCondition | 'retriable-status-codes';

/** What words stand for no answer at all. */
const ANY_FAILURE: readonly Word[] = ['5xx', 'gateway-error', 'reset'];

function resetting(code: number): EndpointBehaviour {
  return application('HTTP/2', {
    onComplete: ({ exchange }) => {
      exchange.reset(code);
    },
  });
}

function grpc(status: number): EndpointBehaviour {
  return application('HTTP/2', {
    onComplete: ({ exchange }) => {
      exchange.respond([':status', '200', 'content-type', 'application/grpc', 'grpc-status', String(status)], true);
    },
  });
}

/** A failure of an endpoint, the version that it speaks, and the words that have the request sent to another. */
const FAILURES: readonly (readonly [string, Version, EndpointBehaviour, readonly Word[]])[] = [
  [
    'takes no connection',
    'HTTP/1.1',
    (tunnel) => {
      tunnel.refuse(503, []);
    },
    [...ANY_FAILURE, 'connect-failure', 'reset-before-request'],
  ],
  ['has not looked at it (REFUSED_STREAM)', 'HTTP/2', resetting(7), [...ANY_FAILURE, 'refused-stream']],
  ['resets it', 'HTTP/2', resetting(2), ANY_FAILURE],
  [
    'ends the connection',
    'HTTP/1.1',
    application('HTTP/1.1', {
      onComplete: ({ exchange }) => {
        exchange.reset(2);
      },
    }),
    ANY_FAILURE,
  ],
  ['never answers', 'HTTP/1.1', application('HTTP/1.1', {}), ANY_FAILURE],
  ['answers 500', 'HTTP/1.1', answering('HTTP/1.1', 500, 'no'), ['5xx']],
  ['answers 502', 'HTTP/1.1', answering('HTTP/1.1', 502, 'no'), ['5xx', 'gateway-error']],
  ['answers 503', 'HTTP/1.1', answering('HTTP/1.1', 503, 'no'), ['5xx', 'gateway-error']],
  ['answers 504', 'HTTP/1.1', answering('HTTP/1.1', 504, 'no'), ['5xx', 'gateway-error']],
  ['answers 404', 'HTTP/1.1', answering('HTTP/1.1', 404, 'no'), []],
  ['answers 409', 'HTTP/1.1', answering('HTTP/1.1', 409, 'no'), ['retriable-4xx']],
  ['answers 418', 'HTTP/1.1', answering('HTTP/1.1', 418, 'no'), ['retriable-status-codes']],
  [
    'is asked too often',
    'HTTP/1.1',
    answering('HTTP/1.1', 418, 'no', ['x-envoy-ratelimited', 'true']),
    ['envoy-ratelimited'],
  ],
  ['answers CANCELLED', 'HTTP/2', grpc(1), ['cancelled']],
  ['answers DEADLINE_EXCEEDED', 'HTTP/2', grpc(4), ['deadline-exceeded']],
  ['answers RESOURCE_EXHAUSTED', 'HTTP/2', grpc(8), ['resource-exhausted']],
  ['answers INTERNAL', 'HTTP/2', grpc(13), ['internal']],
  ['answers UNAVAILABLE', 'HTTP/2', grpc(14), ['unavailable']],
  ['answers NOT_FOUND', 'HTTP/2', grpc(5), []],
];

/** Whether the second endpoint got the request that the first failed. */
function isTriedAgain(bed: TestWaypoint, version: Version): boolean {
  // The first of two is drawn.
  bed.random = () => 0;
  const answer = new Client(bed, version).send({
    ':method': 'POST',
    te: 'trailers',
    ...(version === 'HTTP/2' ? { 'content-type': 'application/grpc' } : {}),
  });
  bed.loop.until(() => answer.settled);
  return bed.endpoint('cart-2').tunnels > 0;
}

describe.each(FAILURES)('a request to an endpoint that %s', (what, version, failing, expected) => {
  it('is tried again for exactly the words of retryOn that say so', () => {
    const again = CONDITIONS.filter((word) => {
      const bed = start({
        protocol: version === 'HTTP/2' ? 'http2' : 'http1',
        endpoints: {
          'cart-1': failing,
          'cart-2': application(version, {
            onComplete: (seen) => {
              respond(seen, 200, 'hello');
            },
          }),
        },
        action: {
          retry: {
            retries: 1,
            conditions: word === 'retriable-status-codes' ? [] : [word],
            statusCodes: word === 'retriable-status-codes' ? [418] : [],
            // Of the others none may be late on a busy machine.
            perTryTimeoutMs: what === 'never answers' ? 30 : 0,
            backoffBaseMs: 1,
            ignorePreviousEndpoints: false,
            remoteLocalities: false,
          },
        },
      });
      return isTriedAgain(bed, version);
    });
    expect(again.sort()).toEqual([...expected].sort());
  });
});
