import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { factsOf, fieldsOf } from '../test-service.ts';
import { RequestFacts } from './request-facts.ts';

describe('the facts of a request', () => {
  it('are its pseudo fields, with path and query apart', () => {
    const facts = factsOf('/a/b?x=1?2', [], 'POST', 'Cart:8080');
    expect(facts).toMatchObject({
      method: 'POST',
      scheme: 'http',
      authority: 'Cart:8080',
      path: '/a/b',
      query: 'x=1?2',
      forwardedPath: '/a/b?x=1?2',
    });
    expect(facts.lowerAuthority).toBe('cart:8080');
  });

  it.each([
    ['/a', '/a', undefined, '/a'],
    ['/a?', '/a', '', '/a?'],
    ['/a#f', '/a', undefined, '/a'],
    ['/a?q#f?g', '/a', 'q', '/a?q'],
    ['/a/../b?q=/../%zz', '/b', 'q=/../%zz', '/b?q=/../%zz'],
    ['/%61#..', '/a', undefined, '/a'],
  ])('of %j are path %j, query %j and what is sent on, %j', (sent, path, query, forwardedPath) => {
    expect(factsOf(sent)).toMatchObject({ path, query, forwardedPath });
  });

  it.each([
    ['/../a', 'path-above-root'],
    ['/a?x y', 'path-bad-character'],
    ['/a?\u007f', 'path-bad-character'],
    ['?q', 'path-missing'],
    ['#/a', 'path-missing'],
    ['*', 'path-not-absolute'],
  ])('cannot be had of %j: %s', (sent, refusal) => {
    expect(RequestFacts.read(fieldsOf(sent))).toBe(refusal);
  });

  it('take OPTIONS of the whole server', () => {
    expect(factsOf('*', [], 'OPTIONS')).toMatchObject({ path: '*', forwardedPath: '*' });
  });

  it('need a path', () => {
    expect(RequestFacts.read([':method', 'CONNECT', ':authority', 'cart:80'])).toBe('path-missing');
  });

  it('join fields that occur several times', () => {
    const facts = factsOf('/', ['a: 1', 'b: x', 'a: 2', 'a: ', 'cookie: k=1', 'cookie: l=2']);
    expect(facts.header('a')).toBe('1,2,');
    expect(facts.header('b')).toBe('x');
    expect(facts.header('c')).toBeUndefined();
    expect(facts.header('cookie')).toBe('k=1; l=2');
  });

  it('give the path that is sent on as the field too', () => {
    expect(factsOf('/x/../a?q').header(':path')).toBe('/a?q');
  });

  it.each([
    ['a=1', '1'],
    ['b=2&a=1&a=3', '1'],
    ['a', ''],
    ['a=', ''],
    ['&&a=1=2&', '1=2'],
    ['a=%31+1', '%31+1'],
    ['A=1', undefined],
    ['%61=1', undefined],
    ['ba=1', undefined],
    ['b&c=a=1', undefined],
    ['', undefined],
  ])('have in the query %j the parameter a: %j', (query, expected) => {
    expect(factsOf(`/?${query}`).queryParameter('a')).toBe(expected);
  });

  it('have no parameters without a query', () => {
    expect(factsOf('/').queryParameter('')).toBeUndefined();
  });

  it('find parameters as a slow reading does', () => {
    const query = fc.array(fc.constantFrom('a', 'b', '=', '&', '%')).map((parts) => parts.join(''));
    fc.assert(
      fc.property(query, fc.constantFrom('a', 'b', 'ab', ''), (sent, name) => {
        const pairs = sent.split('&').filter((part) => part.length > 0);
        const found = pairs.map((part) => /^([^=]*)=?(.*)$/.exec(part)).find((match) => match?.[1] === name);
        expect(factsOf(`/?${sent}`).queryParameter(name)).toBe(found?.[2]);
      }),
      { numRuns: 500 },
    );
  });
});
