import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { grpcStatusOf, percentEncodeMessage } from './grpc.ts';
import {
  ALL_ENDPOINTS_EJECTED,
  answerMessage,
  CLUSTER_NOT_FOUND,
  directAnswer,
  INVALID_BACKEND,
  isGrpcRequest,
  type LocalAnswer,
  MATCH_TOO_COSTLY,
  NO_DESTINATION,
  NO_HEALTHY_UPSTREAM,
  noDestinationAnswer,
  overflowAnswer,
  REQUEST_TOO_LARGE,
  RESPONSE_TIMEOUT,
  ROUTE_NOT_FOUND,
  refusedPathAnswer,
} from './local-answer.ts';
import { factsOf } from './test-service.ts';

const PLAIN = { grpc: false, head: false };
const GRPC = { grpc: true, head: false };

function field(answer: LocalAnswer, name: string, request = GRPC): string | undefined {
  const { fields } = answerMessage(answer, request);
  return fields[fields.indexOf(name) + 1];
}

describe('a local answer', () => {
  it.each<[LocalAnswer, number, string, string, string]>([
    [ROUTE_NOT_FOUND, 404, 'NR', 'route_not_found', '12'],
    [MATCH_TOO_COSTLY, 431, 'DPE', 'route_match_too_costly', '2'],
    [NO_DESTINATION, 500, 'NC', 'no_destination', '2'],
    [INVALID_BACKEND, 500, 'NC', 'invalid_backend', '2'],
    [CLUSTER_NOT_FOUND, 503, 'NC', 'cluster_not_found', '14'],
    [NO_HEALTHY_UPSTREAM, 503, 'UH', 'no_healthy_upstream', '14'],
    [ALL_ENDPOINTS_EJECTED, 503, 'UH', 'no_healthy_upstream{ejected}', '14'],
    [overflowAnswer('AMBIT_REQUEST_LIMIT'), 503, 'UO', 'overflow', '14'],
    [overflowAnswer('AMBIT_CIRCUIT_OPEN'), 503, 'UO', 'circuit_breaker_open', '14'],
    [REQUEST_TOO_LARGE, 431, 'DPE', 'request_headers_too_large', '2'],
    [RESPONSE_TIMEOUT, 504, 'UT', 'response_timeout', '4'],
    [refusedPathAnswer('path-above-root'), 400, 'DPE', 'path_normalization_failed{path-above-root}', '13'],
    [directAnswer(401, 'no'), 401, '-', 'direct_response', '16'],
  ])('%j', (answer, status, flags, details, grpcStatus) => {
    expect(answer).toMatchObject({ status, flags, details });
    expect(field(answer, ':status', PLAIN)).toBe(String(status));
    expect(field(answer, ':status')).toBe('200');
    expect(field(answer, 'grpc-status')).toBe(grpcStatus);
  });

  it('follows from why nothing was drawn', () => {
    expect(noDestinationAnswer({})).toBe(INVALID_BACKEND);
    expect(noDestinationAnswer(undefined)).toBe(NO_DESTINATION);
  });

  it('is plain text', () => {
    expect(answerMessage(directAnswer(418, 'Täe'), PLAIN)).toEqual({
      fields: [':status', '418', 'content-length', '4', 'content-type', 'text/plain'],
      body: 'Täe',
    });
  });

  it('says how long it would be when only its head is wanted', () => {
    const message = answerMessage(directAnswer(200, 'tea'), { grpc: false, head: true });
    expect(message.fields).toContain('content-length');
    expect(message.body).toBe('');
  });

  it('has no type without text, and nothing at all where the status allows none', () => {
    expect(answerMessage(directAnswer(200, ''), PLAIN).fields).toEqual([':status', '200', 'content-length', '0']);
    expect(answerMessage(directAnswer(204, 'x'), PLAIN)).toEqual({ fields: [':status', '204'], body: '' });
    expect(answerMessage(directAnswer(304, 'x'), PLAIN)).toEqual({ fields: [':status', '304'], body: '' });
  });

  it('tells that a limit was met', () => {
    const overflow = overflowAnswer('AMBIT_PENDING_LIMIT');
    expect(field(overflow, 'x-envoy-overloaded', PLAIN)).toBe('true');
    expect(field(overflow, 'x-ambit-reason', GRPC)).toBe('AMBIT_PENDING_LIMIT');
    expect(answerMessage(ROUTE_NOT_FOUND, PLAIN).fields).not.toContain('x-envoy-overloaded');
  });

  it('to a gRPC client is its head alone', () => {
    expect(answerMessage(directAnswer(503, 'über 100%\n'), GRPC)).toEqual({
      fields: [
        ...[':status', '200', 'content-type', 'application/grpc'],
        ...['grpc-status', '14', 'grpc-message', '%C3%BCber 100%25%0A'],
      ],
      body: '',
    });
    expect(answerMessage(directAnswer(503, ''), GRPC).fields).not.toContain('grpc-message');
  });
});

describe('gRPC', () => {
  it.each([
    ['application/grpc', true],
    ['application/grpc+proto', true],
    ['application/grpc; charset=utf-8', true],
    ['application/grpc;a=b', true],
    ['application/grpc-web', false],
    ['application/grpcish', false],
    ['application/json', false],
  ])('is known by its content type: %s %s', (type, expected) => {
    expect(isGrpcRequest(factsOf('/', [`content-type: ${type}`]))).toBe(expected);
  });

  it('is not there without a content type', () => {
    expect(isGrpcRequest(factsOf('/'))).toBe(false);
  });

  it.each([
    [200, 0],
    [400, 13],
    [401, 16],
    [403, 7],
    [404, 12],
    [429, 14],
    [502, 14],
    [503, 14],
    [504, 14],
    [500, 2],
    [418, 2],
  ])('status of HTTP %d is %d', (status, expected) => {
    expect(grpcStatusOf(status)).toBe(expected);
  });

  it('messages are visible ASCII and can be read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (message) => {
        const encoded = percentEncodeMessage(message);
        expect(encoded).toMatch(/^[ -~]*$/);
        expect(decodeURIComponent(encoded)).toBe(message);
      }),
    );
  });
});
