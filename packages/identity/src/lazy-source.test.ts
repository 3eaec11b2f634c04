import { describe, expect, it } from 'vitest';
import { requireSpiffeId } from '@ambit/core/spiffe';
import { lazySource } from './lazy-source.ts';

const identity = requireSpiffeId('spiffe://cluster.local/ns/shop/sa/payment');
const { signal } = new AbortController();

describe('lazySource', () => {
  it('loads once, at the first fetch, and again after a failure', async () => {
    let loads = 0;
    const issued = { privateKeyPem: 'key', chainPem: [] };
    const source = lazySource(() => {
      loads += 1;
      return loads === 1
        ? Promise.reject(new Error('out of memory'))
        : Promise.resolve({ fetch: () => Promise.resolve(issued) });
    });
    expect(loads).toBe(0);
    await expect(source.fetch(identity, signal)).rejects.toThrow('out of memory');
    expect(await Promise.all([source.fetch(identity, signal), source.fetch(identity, signal)])).toEqual([
      issued,
      issued,
    ]);
    expect(loads).toBe(2);
  });
});
