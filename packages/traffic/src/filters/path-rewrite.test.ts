import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PathRewrite } from '../model/route-filters.ts';
import { MAX_REWRITTEN_PATH } from '../limits.ts';
import { isPlainPath, normalizePath } from '../request/path.ts';
import { CompiledPathRewrite } from './path-rewrite.ts';
import { fullPathProblem, pathPartProblem } from './path-part.ts';
import { CompiledSubstitution, substitutionProblem } from './substitution.ts';

function rewritten(rewrite: PathRewrite, path: string): string {
  const result = new CompiledPathRewrite(rewrite).rewrite(path);
  return 'refusal' in result ? result.refusal : result.path;
}

const full = (path: string): PathRewrite => ({ kind: 'full', path });
const segments = (prefix: string, replacement: string): PathRewrite => ({
  kind: 'prefix',
  prefix,
  replacement,
  bySegment: true,
});
const octets = (prefix: string, replacement: string): PathRewrite => ({
  kind: 'prefix',
  prefix,
  replacement,
  bySegment: false,
});
const regex = (expression: string, substitution: string): PathRewrite => ({
  kind: 'regex',
  regex: expression,
  substitution,
});

describe('a path', () => {
  it.each<[PathRewrite, string, string]>([
    [full('/new'), '/old/path', '/new'],
    [full('/a/./b/../ü'), '/old', '/a/%C3%BC'],
    [full('/new'), '*', '*'],
    // Gateway API, HTTPPathModifier: the table of ReplacePrefixMatch.
    [segments('/foo', '/xyz'), '/foo/bar', '/xyz/bar'],
    [segments('/foo', '/xyz/'), '/foo/bar', '/xyz/bar'],
    [segments('/foo/', '/xyz'), '/foo/bar', '/xyz/bar'],
    [segments('/foo/', '/xyz/'), '/foo/bar', '/xyz/bar'],
    [segments('/foo', '/xyz'), '/foo', '/xyz'],
    [segments('/foo', '/xyz'), '/foo/', '/xyz/'],
    [segments('/foo', ''), '/foo/bar', '/bar'],
    [segments('/foo', ''), '/foo/', '/'],
    [segments('/foo', ''), '/foo', '/'],
    [segments('/foo', '/'), '/foo/bar', '/bar'],
    [segments('/foo', '/'), '/foo/', '/'],
    [segments('/foo', '/'), '/foo', '/'],
    // Beyond the table.
    [segments('/', '/xyz'), '/bar', '/xyz/bar'],
    [segments('', '/xyz'), '/', '/xyz/'],
    [segments('/foo', '/'), '/foo//evil.example/x', '/evil.example/x'],
    [segments('/foo', 'xyz'), '/foo/bar', '/xyz/bar'],
    [segments('/foo', '//xyz//'), '/foo/bar', '/xyz/bar'],
    [segments('/foo', '/xyz'), '/foobar', '/foobar'],
    [segments('/Foo', '/xyz'), '/fOO/Bar', '/xyz/Bar'],
    [segments('/ü', '/ö'), '/%C3%BC/a', '/%C3%B6/a'],
    [octets('/foo', '/xyz'), '/foobar', '/xyzbar'],
    [octets('/foo/', '/'), '/foo/bar', '/bar'],
    [octets('/foo', '/'), '/foo/bar', '//bar'],
    [octets('/foo', ''), '/foobar', '/bar'],
    [octets('/FOO', '/xyz'), '/foo/bar', '/xyz/bar'],
    [octets('/foo', '/xyz'), '/bar', '/bar'],
    [octets('/foo', '/.'), '/foo./bar', 'path-above-root'],
    [octets('/foo', '/%'), '/foo/bar', 'path-bad-escape'],
    [octets('/foo', '/xyz'), '*', '*'],
    [regex('^/v[0-9]+/', '/'), '/v12/items/v3/x', '/items/v3/x'],
    [regex('^/service/([^/]+)(/.*)$', '\\2/instance/\\1'), '/service/foo/v1/api', '/v1/api/instance/foo'],
    [regex('one', 'two'), '/xxx/one/yyy/one/zzz', '/xxx/two/yyy/two/zzz'],
    [regex('(?i)/xxx/', '/yyy/'), '/aaa/XxX/bbb', '/aaa/yyy/bbb'],
    [regex('/a', '[\\0]'), '/b/a/c', '/b[/a]/c'],
    [regex('(b)?/c', '<\\1>'), '/a/c', '/a<>'],
    [regex('nothing', 'x'), '/a', '/a'],
    [regex('^/', ''), '/a', '/a'],
    [regex('.*', ''), '/a', '/'],
    [regex('x', ''), '/.x./a', 'path-above-root'],
    [regex('x', ''), '/a/.x./b', '/b'],
    [regex('2F', ''), '/a%2F', 'path-bad-escape'],
    [regex('/b', '/ü\\\\c'), '/a/b', '/a/%C3%BC/c'],
    [regex('a', '\\0\\0\\0\\0\\0\\0\\0\\0'), `/${'a'.repeat(MAX_REWRITTEN_PATH / 8)}`, 'path-too-long'],
    [regex('nothing', ''), `/${'a'.repeat(MAX_REWRITTEN_PATH)}`, `/${'a'.repeat(MAX_REWRITTEN_PATH)}`],
    [regex('a', 'b'), `/${'a'.repeat(600)}`, `/${'b'.repeat(600)}`],
    [regex('a', 'b'), `/${'a'.repeat(4_000)}`, 'path-too-long'],
    [regex('([ab]{0,160}){2}[cd]', ''), `/${'ab'.repeat(8_000)}`, 'path-too-long'],
  ])('rewritten by %o: %s', (rewrite, path, expected) => {
    expect(rewritten(rewrite, path)).toBe(expected);
  });

  it('is absolute, in normal form and nothing but a path, whatever is rewritten to what', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 });
    const pathlike = fc
      .array(fc.constantFrom('/', 'a', 'B', '.', '..', '%2F', '%', '%2e', '\\', '//', '?', '#', ' ', 'ü', '\\1'))
      .map((parts) => parts.join(''));
    const part = fc.oneof(text, pathlike).filter((candidate) => pathPartProblem(candidate) === undefined);
    const rewrite = fc.oneof(
      part.filter((path) => fullPathProblem(path) === undefined).map(full),
      fc.tuple(part, part).map(([prefix, replacement]) => segments(prefix, replacement)),
      fc.tuple(part, part).map(([prefix, replacement]) => octets(prefix, replacement)),
      fc
        .tuple(fc.constantFrom('.', '/', '(a)', '[.]', '', '%.', '^/a', '(.*)'), part)
        .filter(([expression, substitution]) => substitutionProblem(expression, substitution) === undefined)
        .map(([expression, substitution]) => regex(expression, substitution)),
    );
    const requested = fc
      .oneof(text, pathlike)
      .filter((path) => !/[?#]/.test(path))
      .map((path) => normalizePath(`/${Buffer.from(path).toString('latin1')}`))
      .filter((normal) => 'path' in normal);
    fc.assert(
      fc.property(rewrite, requested, (one, { path }) => {
        const result = new CompiledPathRewrite(one).rewrite(path);
        if ('refusal' in result) return;
        expect(result.path).toMatch(/^\/[!-"$->@-~]*$/);
        expect(isPlainPath(result.path) ? { path: result.path } : normalizePath(result.path)).toEqual(result);
      }),
    );
  });
});

describe('a substitution', () => {
  it.each<[string, string, string, string]>([
    // As RE2's GlobalReplace: what fits no octets and touches what was replaced is passed over.
    ['b*', 'x', 'abc', 'xaxcx'],
    ['', '-', 'abc', '-a-b-c-'],
    ['a*', 'x', 'baaac', 'xbxcx'],
    ['$', '!', 'ab', 'ab!'],
    ['^', '!', 'ab', '!ab'],
  ])('of %s by %s makes of %s %s', (expression, substitution, text, expected) => {
    expect(new CompiledSubstitution(expression, substitution).apply(text)).toBe(expected);
  });

  it.each([
    ['(a)', '\\1', undefined],
    ['(a)', '\\0\\\\', undefined],
    ['(a)', '\\2', 'the expression has 1 groups, not 2'],
    ['(a)', '\\x', 'behind a backslash'],
    ['(a)', 'x\\', 'behind a backslash'],
    ['(a)', '/a?b', 'which no path has'],
    ['(a)', '/a b', 'which no path has'],
    ['(a)', 'a\r\nb', 'which no path has'],
  ])('for %s that is %s', (expression, substitution, problem) => {
    const found = substitutionProblem(expression, substitution);
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(problem);
  });
});
