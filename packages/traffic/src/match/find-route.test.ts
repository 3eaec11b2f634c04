import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_MATCH_STEPS } from '../limits.ts';
import type { HttpMatch, NamedMatch, StringMatch } from '../model/served-service.ts';
import type { FieldList } from '../request/field-list.ts';
import { factsOf, fieldsOf, forwardTo, type MatchInit, portWith, seededRandom, V1 } from '../test-service.ts';
import { findRoute } from './find-route.ts';
import { re2 } from './re2.ts';
import { RequestMatcher } from './request-matcher.ts';

type Kind = 'exact' | 'pathPrefix' | 'prefix' | 'regex';

const text = (kind: Kind, value: string, ignoreCase = false) => ({ kind: { case: kind, value }, ignoreCase });
const present = { kind: { case: 'present', value: true } } as const;
type Request = Parameters<typeof factsOf>;

function matches(match: MatchInit, ...request: Request): boolean {
  return findRoute(portWith([forwardTo(V1, [match])]), factsOf(...request)) !== undefined;
}

describe('a path matches', () => {
  it.each<[Kind, string, boolean, string, boolean]>([
    ['exact', '/a', false, '/a', true],
    ['exact', '/a', false, '/a?q', true],
    ['exact', '/a', false, '/a/', false],
    ['exact', '/a', false, '/A', false],
    ['exact', '/A', true, '/a', true],
    ['exact', '/a', true, '/A', true],
    ['exact', '/b', false, '/a/../b', true],
    ['exact', '/ä', false, '/%C3%A4', true],
    ['exact', '/ä', false, '/\u00c3\u00a4', true],
    ['prefix', '/a', false, '/ab', true],
    ['prefix', '/a', false, '/b/a', false],
    ['prefix', '/A', true, '/aB', true],
    ['pathPrefix', '/a', false, '/a', true],
    ['pathPrefix', '/a', false, '/a/', true],
    ['pathPrefix', '/a', false, '/a/b', true],
    ['pathPrefix', '/a', false, '/a?b', true],
    ['pathPrefix', '/a', false, '/ab', false],
    ['pathPrefix', '/a', false, '/A/b', false],
    ['pathPrefix', '/A', true, '/a/b', true],
    ['pathPrefix', '', false, '/', true],
    ['pathPrefix', '', false, '/a', true],
    ['regex', '/a.', false, '/ab', true],
    ['regex', '/a', false, '/ab', false],
    ['regex', 'a', false, '/a', false],
    ['regex', '(?i)/A', false, '/a', true],
    ['regex', '/a|/b', false, '/bc', false],
  ])('%s %j (without case: %s) %j: %s', (kind, value, ignoreCase, path, expected) => {
    expect(matches({ path: text(kind, value, ignoreCase) }, path)).toBe(expected);
  });
});

describe('other parts match', () => {
  it.each<[string, MatchInit, Request, boolean]>([
    ['the method', { method: text('exact', 'POST') }, ['/', [], 'POST'], true],
    ['another method', { method: text('exact', 'POST') }, ['/', [], 'GET'], false],
    ['a method with regard to case', { method: text('exact', 'post') }, ['/', [], 'POST'], false],
    ['a method without regard to case', { method: text('exact', 'post', true) }, ['/', [], 'POST'], true],
    ['the scheme', { scheme: text('exact', 'http') }, ['/'], true],
    ['another scheme', { scheme: text('exact', 'https') }, ['/'], false],
    ['the authority in any case', { authority: text('exact', 'Cart.Shop') }, ['/', [], 'GET', 'cART.sHOP'], true],
    ['the authority with its port', { authority: text('exact', 'cart') }, ['/', [], 'GET', 'cart:80'], false],
    ['the authority up to its port', { authority: text('prefix', 'CART') }, ['/', [], 'GET', 'cart:80'], true],
    ['the authority by an expression', { authority: text('regex', 'cart(:.*)?') }, ['/', [], 'GET', 'cart:80'], true],
    ['an expression with regard to case', { authority: text('regex', 'Cart') }, ['/', [], 'GET', 'cart'], false],
    ['a header', { headers: [{ name: 'a', value: text('exact', 'x') }] }, ['/', ['a: x']], true],
    ['a header with regard to case', { headers: [{ name: 'a', value: text('exact', 'X') }] }, ['/', ['a: x']], false],
    ['a header without', { headers: [{ name: 'a', value: text('exact', 'X', true) }] }, ['/', ['a: x']], true],
    ['a header that is not there', { headers: [{ name: 'a', value: text('regex', '.*') }] }, ['/'], false],
    ['the presence of a header', { headers: [{ name: 'a', value: present }] }, ['/', ['a: ']], true],
    ['the presence of none', { headers: [{ name: 'a', value: present }] }, ['/', ['b: ']], false],
    [
      'headers of one name, joined',
      { headers: [{ name: 'a', value: text('exact', '1,2') }] },
      ['/', ['a: 1', 'a: 2']],
      true,
    ],
    ['one of them alone', { headers: [{ name: 'a', value: text('exact', '1') }] }, ['/', ['a: 1', 'a: 2']], false],
    ['text outside ASCII', { headers: [{ name: 'a', value: text('exact', 'ä') }] }, ['/', ['a: \u00c3\u00a4']], true],
    [
      'it by an expression',
      { headers: [{ name: 'a', value: text('regex', '[ä]') }] },
      ['/', ['a: \u00c3\u00a4']],
      true,
    ],
    ['host as the authority', { headers: [{ name: 'host', value: text('exact', 'cart') }] }, ['/'], true],
    ['every header', { headers: ['a', 'b'].map((name) => ({ name, value: present })) }, ['/', ['a: 1']], false],
    ['without a header', { withoutHeaders: [{ name: 'a', value: present }] }, ['/', ['b: 1']], true],
    ['not with it', { withoutHeaders: [{ name: 'a', value: present }] }, ['/', ['a: 1']], false],
    ['with another value', { withoutHeaders: [{ name: 'a', value: text('prefix', '2') }] }, ['/', ['a: 1']], true],
    [
      'none of several',
      { withoutHeaders: ['a', 'b'].map((name) => ({ name, value: present })) },
      ['/', ['b: 1']],
      false,
    ],
    ['a query parameter', { queryParameters: [{ name: 'a', value: text('exact', '1') }] }, ['/?b&a=1'], true],
    ['its first value', { queryParameters: [{ name: 'a', value: text('exact', '2') }] }, ['/?a=1&a=2'], false],
    ['its presence', { queryParameters: [{ name: 'a', value: present }] }, ['/?a'], true],
    ['no query', { queryParameters: [{ name: 'a', value: present }] }, ['/'], false],
    ['anything', {}, ['/'], true],
    ['all that is set', { path: text('exact', '/'), method: text('exact', 'PUT') }, ['/'], false],
  ])('%s', (_case, match, request, expected) => {
    expect(matches(match, ...request)).toBe(expected);
  });
});

describe('of several routes', () => {
  const port = portWith([
    forwardTo(V1, [{ path: text('exact', '/a') }, { path: text('exact', '/b') }], 'either'),
    forwardTo(V1, [{ path: text('prefix', '/') }], 'first'),
    forwardTo(V1, [], 'never'),
  ]);
  it.each([
    ['/a', 'either'],
    ['/b', 'either'],
    ['/c', 'first'],
  ])('%s takes the first that matches, by any of its matches: %s', (path, expected) => {
    expect(findRoute(port, factsOf(path))?.name).toBe(expected);
  });

  it('one without matches takes everything, and none is no route', () => {
    expect(findRoute(portWith([forwardTo(V1)]), factsOf('/x'))?.name).toBe(V1);
    expect(findRoute(portWith([]), factsOf('/x'))).toBeUndefined();
  });
});

describe('a request that is too long for what expressions cost', () => {
  // About the costliest that a resource may bring.
  const COSTLY = '([ab]{0,160}){2}[cd]';
  const long = 'ab'.repeat(8_000);
  const cheap = (match: MatchInit) => forwardTo(V1, [match], 'cheap');
  const [path, anywhere] = [text('prefix', '/'), forwardTo(V1, [], 'anywhere')];

  it.each<[string, MatchInit, Request]>([
    ['path', { path: text('regex', `/${COSTLY}`) }, [`/${long}`]],
    ['method', { method: text('regex', COSTLY) }, ['/', [], long]],
    ['authority', { authority: text('regex', COSTLY) }, ['/', [], 'GET', long]],
    ['header', { headers: [{ name: 'a', value: text('regex', COSTLY) }] }, ['/', [`a: ${long}`]]],
    [
      'header that must not be',
      { withoutHeaders: [{ name: 'a', value: text('regex', COSTLY) }] },
      ['/', [`a: ${long}`]],
    ],
    ['query parameter', { queryParameters: [{ name: 'a', value: text('regex', COSTLY) }] }, [`/?a=${long}`]],
  ])('gets no route, none behind either: %s', (_case, match, request) => {
    const facts = factsOf(...request);
    expect(findRoute(portWith([forwardTo(V1, [match]), cheap({ path }), anywhere]), facts)).toBeUndefined();
    expect(facts.tooCostly).toBe(true);
  });

  it('gets one that stands before, and one without expressions', () => {
    const routes = [cheap({ path }), forwardTo(V1, [{ path: text('regex', COSTLY) }])];
    expect(findRoute(portWith(routes), factsOf(`/${long}`))?.name).toBe('cheap');
    const other = { method: text('exact', 'PUT'), path: text('exact', `/${long}`) };
    expect(findRoute(portWith([forwardTo(V1, [other]), anywhere]), factsOf(`/${long}`))?.name).toBe('anywhere');
  });

  it('counts all expressions that were asked, to the octet', () => {
    const [regex, count] = ['[a-z]*x', 32];
    const instructions = re2().compile(regex).programSize();
    const octets = Math.floor(MAX_MATCH_STEPS / instructions / count);
    const headers = Array.from({ length: count }, () => ({ headers: [{ name: 'a', value: text('regex', regex) }] }));
    const port = portWith([...headers.map((match) => forwardTo(V1, [match])), anywhere]);
    const found = (length: number) => findRoute(port, factsOf('/', [`a: ${'a'.repeat(length)}`]))?.name;
    expect(found(octets)).toBe('anywhere');
    expect(found(octets + 1)).toBeUndefined();
  });

  it('is answered in time', () => {
    const random = seededRandom(1);
    const mixed = (length: number) => Array.from({ length }, () => (random() < 0.5 ? 'a' : 'b')).join('');
    const port = portWith([forwardTo(V1, [{ path: text('regex', '/(([ab]*a[ab]{100}){4})c') }])]);
    const before = process.cpuUsage();
    for (let request = 0; request < 10; request++) {
      for (const length of [4_900, 16_000, 16_000, 16_000]) findRoute(port, factsOf(`/${mixed(length)}`));
    }
    const { user, system } = process.cpuUsage(before);
    // Without a bound 5 s and more.
    expect((user + system) / 1_000).toBeLessThan(2_000);
  });
});

/** The rules read slowly, from the model and the fields themselves. */
function naive(match: HttpMatch, fields: FieldList): boolean {
  const all = (name: string): string[] => fields.filter((_, at) => at % 2 === 1 && fields[at - 1] === name);
  const value = (name: string): string | undefined => (all(name).length > 0 ? all(name).join(',') : undefined);
  const one = (rule: StringMatch | null, sent: string | undefined): boolean => {
    if (rule === null) return true;
    if (sent === undefined) return false;
    const flags = rule.ignoreCase ? 'i' : '';
    const quoted = rule.text.replace(/[^a-zA-Z0-9]/g, '\\$&');
    const expression = {
      exact: `^${quoted}$`,
      prefix: `^${quoted}`,
      'path-prefix': `^${quoted}(/.*)?$`,
      regex: `^(?:${rule.text})$`,
      present: '',
    }[rule.kind];
    return new RegExp(expression, flags).test(sent);
  };
  const [path = '', query = ''] = (value(':path') ?? '').split('?');
  const parameters = query.split('&').map((part) => part.split('='));
  const parameter = (name: string) => parameters.find(([key]) => key === name)?.[1];
  return (
    one(match.path, path) &&
    one(match.method, value(':method')) &&
    one(match.scheme, value(':scheme')) &&
    one(match.authority === null ? null : { ...match.authority, ignoreCase: true }, value(':authority')) &&
    match.headers.every((header) => one(header.value, value(header.name))) &&
    !match.withoutHeaders.some((header) => one(header.value, value(header.name))) &&
    match.queryParameters.every((named) => one(named.value, parameter(named.name)))
  );
}

describe('matching', () => {
  it('agrees with a slow reading of the rules', () => {
    const word = fc.constantFrom('a', 'A', 'ab', 'b', 'a/b', '');
    const rule = (prefix: string, kinds: StringMatch['kind'][]) =>
      fc.record<StringMatch>({
        kind: fc.constantFrom(...kinds),
        text: word.map((one) => (prefix + one).replace(/\/$/, '')),
        ignoreCase: fc.boolean(),
      });
    const plain = (rules: fc.Arbitrary<StringMatch>) =>
      rules.map((one) => (['regex', 'present'].includes(one.kind) ? { ...one, ignoreCase: false } : one));
    const paths = plain(rule('/', ['exact', 'prefix', 'path-prefix', 'regex', 'present']));
    const values = plain(rule('', ['exact', 'prefix', 'regex', 'present']));
    const hosts = rule('', ['exact', 'prefix']);
    const named = fc.array(fc.record<NamedMatch>({ name: fc.constantFrom('x', 'y'), value: values }), { maxLength: 2 });
    const rare = <T>(rules: fc.Arbitrary<T>) => fc.option(rules, { nil: null, freq: 1 });
    const matchOf = fc.record<HttpMatch>({
      path: rare(paths),
      method: rare(values),
      scheme: fc.constant(null),
      authority: rare(hosts),
      headers: named,
      withoutHeaders: named,
      queryParameters: named,
      // Not a matter of the request.
      source: fc.constant(null),
    });
    const pairs = (separator: string) =>
      fc
        .array(fc.tuple(fc.constantFrom('x', 'y'), word), { maxLength: 3 })
        .map((list) => list.map((pair) => pair.join(separator)));
    const request = fc
      .tuple(word, pairs('='), pairs(': '), word, word)
      .map(([path, query, headers, method, host]) => fieldsOf(`/${path}?${query.join('&')}`, headers, method, host));
    let matched = 0;
    fc.assert(
      fc.property(matchOf, request, (match, fields) => {
        const expected = naive(match, fields);
        matched += Number(expected);
        const [, method, , , , authority, , path] = fields;
        const headers = fields.slice(8).reduce<string[]>((list, _, at, rest) => {
          if (at % 2 === 0) list.push(`${rest[at] ?? ''}: ${rest[at + 1] ?? ''}`);
          return list;
        }, []);
        const facts = factsOf(path ?? '', headers, method, authority);
        expect(new RequestMatcher(match).matches(facts)).toBe(expected);
      }),
      { numRuns: 5_000 },
    );
    expect(matched).toBeGreaterThan(200);
  });
});
