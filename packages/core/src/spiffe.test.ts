import { describe, expect, it } from 'vitest';
import { formatSpiffeId, parseSpiffeId, requireSpiffeId, sameSpiffeId } from './spiffe.ts';

describe('parseSpiffeId', () => {
  it('reads trust domain, namespace and service account', () => {
    expect(parseSpiffeId('spiffe://cluster.local/ns/shop/sa/payments')).toEqual({
      trustDomain: 'cluster.local',
      namespace: 'shop',
      serviceAccount: 'payments',
    });
  });

  it.each([
    'spiffe://cluster.local/ns/shop/sa/payments/',
    'spiffe://cluster.local/ns/shop/sa/',
    'spiffe://cluster.local/ns//sa/payments',
    'spiffe:///ns/shop/sa/payments',
    'spiffe://Cluster.local/ns/shop/sa/payments',
    'SPIFFE://cluster.local/ns/shop/sa/payments',
    'spiffe://cluster.local/ns/shop/sa/pay%6dents',
    'spiffe://cluster.local:443/ns/shop/sa/payments',
    'spiffe://cluster.local/ns/shop/sa/payments?x=1',
    'spiffe://cluster.local/sa/payments/ns/shop',
    `spiffe://cluster.local/ns/shop/sa/${'a'.repeat(3000)}`,
    '',
  ])('refuses %s', (uri) => {
    expect(parseSpiffeId(uri)).toBeUndefined();
    expect(() => requireSpiffeId(uri)).toThrow(/is not spiffe:/);
  });

  it('compares by fields and formats back', () => {
    const id = requireSpiffeId('spiffe://td/ns/a/sa/b.c');
    expect(formatSpiffeId(id)).toBe('spiffe://td/ns/a/sa/b.c');
    expect(sameSpiffeId(id, { ...id })).toBe(true);
    expect(sameSpiffeId(id, { ...id, namespace: 'other' })).toBe(false);
  });
});
