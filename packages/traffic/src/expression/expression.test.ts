import { messageOf } from '@ambit/core/errors';
import { describe, expect, it } from 'vitest';
import { MAX_EXPRESSION_LENGTH, MAX_EXPRESSION_PARTS } from '../limits.ts';
import type { ObservedRequest } from './attributes.ts';
import { Expression } from './expression.ts';

const REQUEST: ObservedRequest = {
  method: 'GET',
  path: '/cart/7?page=2',
  authority: 'cart',
  scheme: 'http',
  protocol: 'HTTP/1.1',
  requestId: 'id-1',
  userAgent: 'curl',
  status: 503,
  grpcStatus: -1,
  details: 'no_healthy_upstream',
  bytesReceived: 0,
  bytesSent: 19,
  principal: 'spiffe://cluster.local/ns/shop/sa/web',
  header: (name) => (name === 'x-team' ? 'checkout' : undefined),
};

describe('an expression over a request', () => {
  it.each([
    ['response.code >= 400', true],
    ['response.code < 400 || response.code == 503', true],
    ['response.code in [500, 503]', true],
    ['response.code != 503', false],
    ['connection.mtls', true],
    ['!connection.mtls', false],
    ["connection.uri_san_peer_certificate.endsWith('/sa/web')", true],
    ["request.url_path == '/cart/7' && request.query == 'page=2'", true],
    ["request.path.startsWith('/cart') && request.method in ['GET', 'HEAD']", true],
    ["request.headers['X-Team'].contains('heck')", true],
    ["'x-team' in request.headers && !('x-other' in request.headers)", true],
    ["request.headers['x-other'] == 'a'", undefined],
    ["request.headers['x-other'] == 'a' || response.code == 503", true],
    ["request.headers['x-other'] == 'a' && response.code == 200", false],
    ['has(response.grpc_status)', false],
    ['response.size > -1 && request.size == 0', true],
    ['connection.mtls ? request.host : "none"', 'cart'],
    ['string(response.code)', '503'],
    ["response.code_details + ''", 'refused'],
    ['"a\\"b"', 'a"b'],
    ['true || false && false', true],
    ['request.protocol + request.scheme', 'refused'],
  ])('%s is %s', (text, expected) => {
    const value = (): unknown => Expression.compile(text).evaluate(REQUEST);
    if (expected === 'refused') expect(value).toThrow(/is not known here/);
    else expect(value()).toBe(expected);
  });

  it.each([
    ['', 'character 1: the expression ends here, and a value is missing'],
    ['response.code', undefined],
    ['response.code == ', 'character 18: the expression ends here'],
    ["response.code == '200'", 'a value of type int is expected, and this is string'],
    ['response.cod == 200', 'response.cod is not known here'],
    ["request.url_path.matches('a+')", '.matches is not known here'],
    ["filter_state['x'] == 'a'", 'filter_state is not known here'],
    ['request.headers', 'the end stands where [ is expected'],
    ['request.headers[request.host]', 'the name of a header is missing'],
    ['response.code == 200 response.code', '"response" is not expected here'],
    ['connection.mtls && response.code', 'a value of type bool is expected'],
    ['connection.mtls < true', 'truth values have no order'],
    ['response.code in [request.size]', 'only literals stand in lists'],
    ["'a", 'the text does not end'],
    ["'\\u0041'", 'this escape is not known here'],
    ['1.5 > 1', 'only whole decimal numbers'],
    ['99999999999999999999 > 1', 'too large'],
    ['__proto__ == 1', '__proto__ is not known here'],
    ["request.host.constructor('a')", '.constructor is not known here'],
    ['!'.repeat(MAX_EXPRESSION_PARTS + 1) + 'true', `more than ${MAX_EXPRESSION_PARTS} parts`],
    ['('.repeat(MAX_EXPRESSION_PARTS + 1), `more than ${MAX_EXPRESSION_PARTS} parts`],
    [' '.repeat(MAX_EXPRESSION_LENGTH + 1), `longer than ${MAX_EXPRESSION_LENGTH} characters`],
  ])('%s is judged before any request comes', (text, message) => {
    let said: string | undefined;
    try {
      Expression.compile(text);
    } catch (error) {
      said = messageOf(error);
    }
    if (message === undefined) expect(said).toBeUndefined();
    else expect(said).toContain(message);
  });
});
