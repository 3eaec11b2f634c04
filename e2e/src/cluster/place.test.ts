import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeOf, requirePlace } from './place.ts';

describe('the place of a cluster', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ambit-place-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is in AMBIT_CACHE, then XDG_CACHE_HOME, and follows links, as namespaces do', () => {
    mkdirSync(join(folder, 'disk'));
    symlinkSync(join(folder, 'disk'), join(folder, 'link'));
    const place = placeOf({ AMBIT_CACHE: join(folder, 'link') });
    expect(place.parts).toBe(join(folder, 'disk', 'cluster', 'parts'));
    expect(place.state).toBe(join(folder, 'disk', 'cluster', 'running', 'main'));
    expect(placeOf({ XDG_CACHE_HOME: folder, AMBIT_CACHE: '' }).parts).toBe(join(folder, 'ambit', 'cluster', 'parts'));
  });

  it('has control groups of its own for each name and each cache', () => {
    mkdirSync(join(folder, 'other'));
    const names = [
      placeOf({ AMBIT_CACHE: folder }),
      placeOf({ AMBIT_CACHE: folder, AMBIT_CLUSTER: 'second' }),
      placeOf({ AMBIT_CACHE: join(folder, 'other') }),
    ].map(({ cgroup }) => cgroup);
    expect(new Set(names).size).toBe(3);
  });

  it.each([
    [{ AMBIT_CLUSTER: '../main' }, /must be 1 to 20 small letters/],
    [{ AMBIT_CLUSTER: '' }, /must be 1 to 20 small letters/],
    [{ AMBIT_CACHE: 'cache' }, /must be an absolute path/],
  ])('refuses %j', (environment, why) => {
    expect(() => placeOf({ XDG_CACHE_HOME: folder, ...environment })).toThrow(why);
  });

  it.each([
    ['/var/cache/ambit/cluster', /is below \/var, which every node shows from a copy of its own/],
    ['/home/a,b/cluster', /has characters that mount options/],
  ])('refuses a cluster in %s', (root, why) => {
    expect(() => requirePlace({ root })).toThrow(why);
  });
});
