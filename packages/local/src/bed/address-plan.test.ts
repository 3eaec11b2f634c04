import { describe, expect, it } from 'vitest';
import { AddressPool } from './address-plan.ts';
import { findImage } from './images.ts';

describe('addresses', () => {
  it('are given again as late as possible', () => {
    const pool = new AddressPool('10.0.0', 2);
    expect([pool.take('a'), pool.take('b')]).toEqual(['10.0.0.2', '10.0.0.3']);
    pool.giveBack('10.0.0.2');
    expect(pool.take('c')).toBe('10.0.0.4');
    for (let number = 5; number <= 254; number++) pool.take('many');
    expect(pool.take('d')).toBe('10.0.0.2');
    expect(() => pool.take('e')).toThrow('no address is left in 10.0.0.0/24 for e');
  });

  it('may be chosen, unless they are taken or foreign', () => {
    const pool = new AddressPool('10.0.0', 2);
    expect(pool.take('a', '10.0.0.9')).toBe('10.0.0.9');
    expect(() => pool.take('b', '10.0.0.9')).toThrow('b cannot have 10.0.0.9: it belongs to a');
    expect(() => pool.take('b', '10.0.1.9')).toThrow('it is not in 10.0.0.0/24');
    expect(() => pool.take('b', '10.0.0.x')).toThrow('it is not in 10.0.0.0/24');
  });
});

describe('images', () => {
  const images = new Map([['ghcr.io/ambit/shop', { directory: '/shop' }]]);

  it.each([
    'ghcr.io/ambit/shop',
    'ghcr.io/ambit/shop:0.1.0',
    'ghcr.io/ambit/shop@sha256:abc',
    'ghcr.io/ambit/shop:1@sha256:abc',
  ])('%s is known', (name) => {
    expect(findImage(images, name)?.directory).toBe('/shop');
  });

  it('a pause image runs nothing; an unknown one is named with those that are known', () => {
    expect(findImage(images, 'registry.k8s.io/pause:3.10')).toBeUndefined();
    expect(() => findImage(images, 'localhost:5000/web')).toThrow(
      'nothing on this machine stands for localhost:5000/web (known: ghcr.io/ambit/shop)',
    );
  });
});
