import { expect, it } from 'vitest';
import type { VirtualHttpMatch } from '../../traffic-objects.ts';
import { mergeRoutes } from './virtual-merge.ts';

/** What of the matches is left when one object delegates to another; undefined: they conflict. */
function merged(root: VirtualHttpMatch[], delegate: VirtualHttpMatch[]): readonly VirtualHttpMatch[] | undefined {
  return mergeRoutes({ match: root }, { match: delegate })?.match;
}

it.each<[string, VirtualHttpMatch, VirtualHttpMatch]>([
  ['a longer prefix', { uri: { prefix: '/a' } }, { uri: { prefix: '/a/b' } }],
  ['an exact path in the prefix', { uri: { prefix: '/a' } }, { uri: { exact: '/a/b' } }],
  ['the same path', { uri: { exact: '/a' } }, { uri: { exact: '/a' } }],
  ['any value', { headers: { x: {} } }, { headers: { x: { regex: 'a' } } }],
  ['another header', { headers: { x: { exact: 'a' } } }, { headers: { y: { exact: 'b' } } }],
  ['the same port', { port: 80 }, { port: 80 }],
  ['the same excluded value', { withoutHeaders: { x: {} } }, { withoutHeaders: { x: {} } }],
])('%s narrows a match', (_, root, delegate) => {
  expect(merged([root], [delegate])).toMatchObject([
    { ...root, ...delegate, headers: { ...root.headers, ...delegate.headers } },
  ]);
});

it.each<[string, VirtualHttpMatch, VirtualHttpMatch]>([
  ['a shorter prefix', { uri: { prefix: '/a/b' } }, { uri: { prefix: '/a' } }],
  ['a prefix of an exact path', { uri: { exact: '/a' } }, { uri: { prefix: '/a' } }],
  ['another path', { uri: { exact: '/a' } }, { uri: { exact: '/b' } }],
  ['an expression', { uri: { prefix: '/a' } }, { uri: { regex: '/a.*' } }],
  ['another method', { method: { exact: 'GET' } }, { method: { exact: 'PUT' } }],
  ['another value', { headers: { x: { exact: 'a' } } }, { headers: { x: { exact: 'b' } } }],
  ['any value of what must be one', { headers: { x: { exact: 'a' } } }, { headers: { x: {} } }],
  ['another parameter', { queryParams: { q: { exact: 'a' } } }, { queryParams: { q: { exact: 'b' } } }],
  ['another excluded value', { withoutHeaders: { x: {} } }, { withoutHeaders: { x: { exact: 'a' } } }],
  ['another case', { ignoreUriCase: true }, { uri: { exact: '/a' } }],
  ['another port', { port: 80 }, { port: 81 }],
  ['clients of another namespace', { sourceNamespace: 'a' }, { sourceNamespace: 'b' }],
  ['clients with other labels', { sourceLabels: { a: 'b' } }, { sourceLabels: { a: 'c' } }],
])('%s is no part of a match', (_, root, delegate) => {
  expect(merged([root], [delegate])).toBeUndefined();
});

it('without matches on one side, those of the other hold', () => {
  expect(merged([], [{ port: 80 }])).toEqual([{ port: 80 }]);
  expect(merged([{ port: 80 }], [])).toEqual([{ port: 80 }]);
});

it('each match of a delegate is narrowed by every match that it is a part of, and must be part of one', () => {
  const root: VirtualHttpMatch[] = [{ uri: { prefix: '/a' } }, { uri: { prefix: '/b' } }];
  expect(merged(root, [{ uri: { exact: '/b/1' } }, { uri: { exact: '/a/1' } }])).toMatchObject([
    { uri: { exact: '/b/1' } },
    { uri: { exact: '/a/1' } },
  ]);
  expect(merged(root, [{ uri: { exact: '/a/1' } }, { uri: { exact: '/c' } }])).toBeUndefined();
  expect(
    merged(
      [
        { uri: { prefix: '/a' }, port: 1 },
        { uri: { prefix: '/a' }, port: 2 },
      ],
      [{ uri: { exact: '/a' } }],
    ),
  ).toMatchObject([
    { uri: { exact: '/a' }, port: 1 },
    { uri: { exact: '/a' }, port: 2 },
  ]);
});

it('clients asked for by either are asked for', () => {
  expect(merged([{ sourceNamespace: 'a', sourceLabels: { b: 'c' } }], [{ sourceLabels: { d: 'e' } }])).toMatchObject([
    { sourceNamespace: 'a', sourceLabels: { b: 'c', d: 'e' } },
  ]);
});

it('what a delegate does not say is taken over', () => {
  const root = { name: 'outer', delegate: { name: 'd' }, timeout: '1s', rewrite: { uri: '/r' }, headers: {} };
  const route = [{ destination: { host: 'web' } }];
  expect(mergeRoutes(root, { name: 'inner', timeout: '2s', route })).toMatchObject({
    name: 'outer-inner',
    timeout: '2s',
    rewrite: { uri: '/r' },
    headers: {},
    route,
  });
  expect(mergeRoutes({ delegate: {} }, { name: 'inner', route })).toMatchObject({ name: 'inner' });
});
