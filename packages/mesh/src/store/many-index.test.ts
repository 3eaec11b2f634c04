import { describe, expect, it } from 'vitest';
import { ManyIndex } from './many-index.ts';

describe('an index of many values', () => {
  it('keeps nothing of a value that stood twice under a key, as a workload with one address given twice', () => {
    const index = new ManyIndex<{ name: string }>();
    const value = { name: 'web' };
    index.add('10.0.0.1', value);
    index.add('10.0.0.1', value);
    index.remove('10.0.0.1', value);
    expect([index.newest('10.0.0.1'), index.size]).toEqual([undefined, 0]);
  });
});
