import { describe, expect, it } from 'vitest';
import type { Plain } from '@ambit/translation/manifest/plain';
import { strategicMerge } from './strategic-merge.ts';

const BASE: Plain = {
  replicas: 2,
  labels: { app: 'a' },
  containers: [
    { name: 'main', image: 'one', env: [{ name: 'A', value: '1' }], args: ['x'] },
    { name: 'side', image: 'two' },
  ],
  ports: [{ port: 80, name: 'http' }],
};

describe('strategicMerge', () => {
  it.each<[string, Plain, Plain]>([
    ['a value', { replicas: 3 }, { ...BASE, replicas: 3 }],
    ['a key of a map', { labels: { b: 'c' } }, { ...BASE, labels: { app: 'a', b: 'c' } }],
    ['null removes', { labels: { app: null }, replicas: null }, without({ ...BASE, labels: {} }, 'replicas')],
    [
      'an item by its name, and lists inside it',
      {
        containers: [
          {
            name: 'main',
            env: [
              { name: 'B', value: '2' },
              { name: 'A', value: '3' },
            ],
            args: ['y', 'z'],
          },
        ],
      },
      {
        ...BASE,
        containers: [
          {
            name: 'main',
            image: 'one',
            env: [
              { name: 'A', value: '3' },
              { name: 'B', value: '2' },
            ],
            args: ['y', 'z'],
          },
          { name: 'side', image: 'two' },
        ],
      },
    ],
    [
      'a new item',
      { ports: [{ port: 81, name: 'more' }] },
      {
        ...BASE,
        ports: [
          { port: 80, name: 'http' },
          { port: 81, name: 'more' },
        ],
      },
    ],
    [
      'an item taken away',
      { containers: [{ name: 'main', $patch: 'delete' }] },
      { ...BASE, containers: [{ name: 'side', image: 'two' }] },
    ],
    ['a map replaced', { labels: { $patch: 'replace', b: 'c' } }, { ...BASE, labels: { b: 'c' } }],
    [
      'a list replaced',
      { containers: [{ $patch: 'replace' }, { name: 'new' }] },
      { ...BASE, containers: [{ name: 'new' }] },
    ],
    ['a map taken away', { labels: { $patch: 'delete' } }, without(BASE, 'labels')],
  ])('%s', (_name, patch, expected) => {
    expect(strategicMerge(BASE, patch)).toEqual(expected);
  });

  it.each<[Plain, string]>([
    [{ labels: { $retainKeys: ['a'] } }, 'labels.$retainKeys: this directive is not known'],
    [{ containers: [{ name: 'main', $patch: 'remove' }] }, 'containers.$patch: must be merge, replace or delete'],
    [{ containers: [{ name: 'main' }, { image: 'x' }] }, 'containers: every item needs name'],
  ])('refuses %j', (patch, message) => {
    expect(() => strategicMerge(BASE, patch)).toThrow(message);
  });

  it('knows no key that means anything to the language', () => {
    const patch = JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"x": 1}}') as Plain;
    const merged = strategicMerge({}, patch);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.hasOwn(merged as object, '__proto__')).toBe(true);
  });
});

function without(value: Plain, key: string): Plain {
  return Object.fromEntries(Object.entries(value as object).filter(([name]) => name !== key));
}
