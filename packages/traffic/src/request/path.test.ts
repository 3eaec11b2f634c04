import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPlainFor, isPlainPath, normalizePath, type PathNormalization, type PathRefusal } from './path.ts';

describe('a path', () => {
  it.each<[string, string, string]>([
    ['is left alone', '/a/b.c/~d-_', '/a/b.c/~d-_'],
    ['of the root', '/', '/'],
    ['keeps its trailing slash', '/a/', '/a/'],
    ['keeps doubled slashes', '//a//b//', '//a//b//'],
    ['loses dot segments', '/a/./b/../c', '/a/c'],
    ['ends in a slash after a dot segment', '/a/b/..', '/a/'],
    ['ends in a slash after a single dot', '/a/.', '/a/'],
    ['may come back to the root', '/a/..', '/'],
    ['loses an empty segment to two dots', '/a//../b', '/a/b'],
    ['keeps names that begin with dots', '/.well-known/...', '/.well-known/...'],
    ['has escaped dots taken for dots', '/a/%2e%2E/b', '/b'],
    ['has dots behind an escaped slash left alone', '/a%2f..%2fb', '/a%2f..%2fb'],
    ['has unreserved escapes decoded', '/%41%7a%30%2D%5f%7E', '/Az0-_~'],
    ['keeps other escapes as they were written', '/a%2Fb%2fc%25%20%3F%23', '/a%2Fb%2fc%25%20%3F%23'],
    ['is decoded once only', '/%2541', '/%2541'],
    ['keeps an escaped backslash', '/a%5cb', '/a%5cb'],
    ['has backslashes turned', '\\a\\..\\b', '/b'],
    ['has octets outside ASCII escaped', '/caf\u00c3\u00a9', '/caf%C3%A9'],
    ['keeps semicolons and the like', "/a;b=1/c,d!$&'()*+:@", "/a;b=1/c,d!$&'()*+:@"],
  ])('%s', (_case, path, expected) => {
    expect(normalizePath(path)).toEqual({ path: expected });
    expect(isPlainPath(expected)).toBe(!/%|\/\./.test(expected));
  });

  it.each<[PathNormalization, string, string]>([
    ['none', '/a/../%61\\//%2F', '/a/../%61\\//%2F'],
    ['none', '/%', '/%'],
    ['none', '/\u00e4', '/\u00e4'],
    ['base', '//a%2F/b', '//a%2F/b'],
    ['merge-slashes', '//a///b/', '/a/b/'],
    ['merge-slashes', '/a\\\\b', '/a/b'],
    ['merge-slashes', '/a//../b', '/a/b'],
    ['merge-slashes', '/a%2F%2Fb', '/a%2F%2Fb'],
    ['decode-and-merge-slashes', '/a%2F%2fb', '/a/b'],
    ['decode-and-merge-slashes', '/a%5Cb%5c', '/a/b/'],
    ['decode-and-merge-slashes', '/a/..%2fadmin', '/admin'],
    ['decode-and-merge-slashes', '/a%252Fb', '/a%252Fb'],
    ['decode-and-merge-slashes', '%2Fa', '/a'],
  ])('under %s %j is %j', (how, path, expected) => {
    expect(normalizePath(path, how)).toEqual({ path: expected });
  });

  it.each<[PathNormalization, string, PathRefusal]>([
    ['none', 'a', 'path-not-absolute'],
    ['none', '', 'path-missing'],
    ['none', '/a b', 'path-bad-character'],
    ['none', '/a\u0000', 'path-bad-character'],
    ['decode-and-merge-slashes', '/..%2fadmin', 'path-above-root'],
    ['merge-slashes', '/a/..;/b', 'path-ambiguous'],
  ])('under %s %j is refused: %s', (how, path, refusal) => {
    expect(normalizePath(path, how)).toEqual({ refusal });
  });

  it.each<[string, PathRefusal]>([
    ['/a/..;/b', 'path-ambiguous'],
    ['/a/.;x=1/b', 'path-ambiguous'],
    ['/a/%2e%2E;', 'path-ambiguous'],
    ['/..', 'path-above-root'],
    ['/../a', 'path-above-root'],
    ['/a/../../b', 'path-above-root'],
    ['/%2e%2e/a', 'path-above-root'],
    ['/\\..\\..\\..', 'path-above-root'],
    ['/%', 'path-bad-escape'],
    ['/%4', 'path-bad-escape'],
    ['/%4g', 'path-bad-escape'],
    ['/%g4', 'path-bad-escape'],
    ['/a%00b', 'path-bad-escape'],
    ['', 'path-missing'],
    ['a/b', 'path-not-absolute'],
    ['%2Fa', 'path-not-absolute'],
    ['http://cart/a', 'path-not-absolute'],
    ['/a b', 'path-bad-character'],
    ['/a\tb', 'path-bad-character'],
    ['/a\u007f', 'path-bad-character'],
    ['/\u20ac', 'path-bad-character'],
  ])('%j is refused: %s', (path, refusal) => {
    expect(normalizePath(path)).toEqual({ refusal });
    expect(isPlainPath(path)).toBe(false);
  });
});

const piece = fc.constantFrom(
  '/',
  '/',
  '.',
  '..',
  'a',
  'B',
  '%2e',
  '%2E',
  '%2f',
  '%41',
  '%20',
  '\\',
  '~',
  '\u00e9',
  '%',
);
const path = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`);

describe('the normal form', () => {
  it('is its own normal form, and has nothing left that could mean another path', () => {
    fc.assert(
      fc.property(path, (sent) => {
        const normal = normalizePath(sent);
        if ('refusal' in normal) return;
        expect(normalizePath(normal.path)).toEqual(normal);
        expect(normal.path).toMatch(/^\/[!-~]*$/);
        expect(normal.path).not.toMatch(/\\|%2e|%41|(^|\/)\.\.?(\/|$)/i);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is what WHATWG URLs make of it, where they differ in nothing else', () => {
    // A URL parser clamps at the root, keeps unreserved escapes and takes escaped dots for dots, as we do.
    fc.assert(
      fc.property(path, (sent) => {
        const normal = normalizePath(sent);
        if ('refusal' in normal) return;
        const latin = Buffer.from(sent, 'latin1').toString('latin1');
        const escaped = latin.replaceAll('\u00e9', '%E9').replace(/%41/g, 'A');
        expect(normal.path).toBe(new URL(`http://cart${escaped}`).pathname.replace(/%2e/gi, '.'));
      }),
      { numRuns: 2_000 },
    );
  });

  it('of every kind is its own, and a plain path is what it is of itself', () => {
    const kinds = fc.constantFrom<PathNormalization>('base', 'decode-and-merge-slashes', 'merge-slashes', 'none');
    fc.assert(
      fc.property(path, kinds, (sent, how) => {
        const normal = normalizePath(sent, how);
        if (isPlainFor(sent, how)) expect(normal).toEqual({ path: sent });
        if ('refusal' in normal) return;
        expect(normalizePath(normal.path, how)).toEqual(normal);
        if (how === 'merge-slashes' || how === 'decode-and-merge-slashes') expect(normal.path).not.toContain('//');
        if (how === 'decode-and-merge-slashes') expect(normal.path).not.toMatch(/%2f|%5c/i);
      }),
      { numRuns: 2_000 },
    );
  });

  it('of a plain path is the path', () => {
    fc.assert(
      fc.property(path, (sent) => {
        if (isPlainPath(sent)) expect(normalizePath(sent)).toEqual({ path: sent });
      }),
    );
  });
});
