import { describe, expect, it } from 'vitest';
import { answerMessage } from '../local-answer.ts';
import type { Redirect } from '../model/route-filters.ts';
import { factsOf } from '../test-service.ts';
import { CompiledRedirect } from './redirect.ts';

const PLAIN: Redirect = { status: 302, scheme: '', hostname: '', port: 'as-requested', path: null };

function location(redirect: Partial<Redirect>, authority: string, path = '/a?q=1', method = 'GET'): string | undefined {
  const facts = factsOf(path, [], method, authority);
  const { fields } = new CompiledRedirect({ ...PLAIN, ...redirect }).answer(facts);
  return fields[fields.indexOf('location') + 1];
}

describe('a redirect', () => {
  it.each<[string, Partial<Redirect>, string, string]>([
    ['to the same place', {}, 'cart', 'http://cart/a?q=1'],
    ['of a host', { hostname: 'other.example' }, 'cart', 'http://other.example/a?q=1'],
    [
      'of a host, the port of the client with it',
      { hostname: 'o.example' },
      'cart:8080',
      'http://o.example:8080/a?q=1',
    ],
    ['of a scheme', { scheme: 'https' }, 'cart', 'https://cart/a?q=1'],
    ['of a scheme, the port of the client with it', { scheme: 'https' }, 'cart:8080', 'https://cart:8080/a?q=1'],
    ['of a scheme, the port of the other one without it', { scheme: 'https' }, 'cart:80', 'https://cart/a?q=1'],
    ['of a scheme and its port', { scheme: 'https', port: 'implied-by-scheme' }, 'cart:8080', 'https://cart/a?q=1'],
    ['of a scheme that implies the port', { scheme: 'https', port: 443 }, 'cart:8080', 'https://cart/a?q=1'],
    ['of a port', { port: 8443 }, 'cart', 'http://cart:8443/a?q=1'],
    ['of a port that is written', { port: 8443 }, 'cart:80', 'http://cart:8443/a?q=1'],
    ['of a port that the scheme implies', { port: 80 }, 'cart:8080', 'http://cart/a?q=1'],
    ['of the port of the other scheme', { port: 443 }, 'cart', 'http://cart:443/a?q=1'],
    ['with the port that the client wrote, implied', {}, 'cart:80', 'http://cart/a?q=1'],
    ['of an IPv6 address', { port: 8080 }, '[fd00::1]:80', 'http://[fd00::1]:8080/a?q=1'],
    ['of an IPv6 address without port', {}, '[fd00::1]', 'http://[fd00::1]/a?q=1'],
    ['of the path', { path: { kind: 'full', path: '/new' } }, 'cart', 'http://cart/new?q=1'],
    [
      'of a prefix',
      { path: { kind: 'prefix', prefix: '/a', replacement: '/b', bySegment: true } },
      'cart',
      'http://cart/b?q=1',
    ],
    [
      'of everything',
      { scheme: 'https', hostname: 'o.example', port: 8443, path: { kind: 'full', path: '/new' } },
      'cart:81',
      'https://o.example:8443/new?q=1',
    ],
  ])('%s', (_case, redirect, authority, expected) => {
    expect(location(redirect, authority)).toBe(expected);
  });

  it.each([
    ['/', 'http://cart/'],
    ['/a?', 'http://cart/a?'],
    ['/a#b', 'http://cart/a'],
    ['/a/../b', 'http://cart/b'],
    ['/\u00fc?\u00fc="<>', 'http://cart/%FC?%FC="<>'],
  ])('of %s leads to %s: nothing in it ends the URI', (path, expected) => {
    expect(location({}, 'cart', path)).toBe(expected);
  });

  it('of the server as a whole has no path', () => {
    expect(location({}, 'cart', '*', 'OPTIONS')).toBe('http://cart');
  });

  it('whose path cannot be made is refused', () => {
    const path = { kind: 'prefix', prefix: '/a', replacement: '/%', bySegment: false } as const;
    const answer = new CompiledRedirect({ ...PLAIN, path }).answer(factsOf('/a'));
    expect([answer.status, answer.details, answer.fields]).toEqual([400, 'path_rewrite_failed{path-bad-escape}', []]);
  });

  it('has its status, no content, and is told to gRPC as well as it can be', () => {
    const answer = new CompiledRedirect({ ...PLAIN, status: 307 }).answer(factsOf('/a'));
    expect(answerMessage(answer, { grpc: false, head: false })).toEqual({
      fields: [':status', '307', 'content-length', '0', 'location', 'http://cart/a'],
      body: '',
    });
    const { fields } = answerMessage(answer, { grpc: true, head: false });
    expect(fields).toEqual([
      ...[':status', '200', 'content-type', 'application/grpc', 'grpc-status', '2'],
      ...['location', 'http://cart/a'],
    ]);
  });
});
