import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '@ambit/core/clock';
import { Surroundings } from '../test-owner.ts';
import { PodTable } from './pod-table.ts';

const INFO = { name: 'web', namespace: 'shop', serviceAccount: 'web' };

describe('the table of pods', () => {
  let surroundings: Surroundings;
  let clock: ManualClock;
  let table: PodTable;
  let failing: Set<string>;
  const notes: string[] = [];
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };

  beforeEach(() => {
    surroundings = new Surroundings();
    clock = new ManualClock();
    failing = new Set();
    notes.length = 0;
    const owner = {
      onAdd: (uid: string): Promise<void> => {
        notes.push(`add ${uid}`);
        return failing.has(uid) ? Promise.reject(new Error('no port')) : Promise.resolve();
      },
      onRemove: (uid: string): Promise<void> => {
        notes.push(`remove ${uid}`);
        return Promise.reject(new Error('cut'));
      },
    };
    table = new PodTable(
      owner,
      clock,
      () => undefined,
      (error) => notes.push(error.message),
    );
  });
  afterEach(() => {
    table.destroy();
    surroundings.remove();
  });

  it('a pod that cannot be served is pending, and tried again every five seconds until it is', async () => {
    failing.add('a');
    expect(await table.add('a', INFO, surroundings.lend('a'))).toBe('no port');
    clock.advance(4_999);
    expect(notes).toEqual(['add a']);
    clock.advance(1);
    await settle();
    expect(notes).toEqual(['add a', 'add a']);
    expect([...table.pending()]).toEqual([['a', 'no port']]);
    failing.delete('a');
    clock.advance(5_000);
    await settle();
    expect(table.pending().size).toBe(0);
    clock.advance(60_000);
    expect(notes).toHaveLength(3);
  });

  it('a pending pod that is removed is tried no more; a bad farewell is reported', async () => {
    failing.add('a');
    await table.add('a', INFO, surroundings.lend('a'));
    table.remove('a');
    await settle();
    clock.advance(60_000);
    expect(notes).toEqual(['add a', 'remove a', 'pod shop/web was not left in good order: cut']);
  });

  it('a pod that is removed and added again while its first start runs is served', async () => {
    const gates: (() => void)[] = [];
    const served = new Set<string>();
    const slow = new PodTable(
      {
        onAdd: async (uid) => {
          await new Promise<void>((resolve) => gates.push(resolve));
          served.add(uid);
        },
        onRemove: (uid) => {
          served.delete(uid);
          return Promise.resolve();
        },
      },
      clock,
      () => undefined,
      (error) => notes.push(error.message),
    );
    const first = slow.add('a', INFO, surroundings.lend('a'));
    slow.remove('a');
    const dropped = slow.add('a', INFO, surroundings.lend('a'));
    slow.remove('a');
    const last = slow.add('a', INFO, surroundings.lend('a'));
    await settle();
    expect(gates).toHaveLength(1);
    gates[0]?.();
    await settle();
    expect(gates).toHaveLength(2);
    expect(served).toEqual(new Set());
    gates[1]?.();
    expect([await first, await dropped, await last]).toEqual([
      'the pod was removed meanwhile',
      'the pod was removed meanwhile',
      '',
    ]);
    await settle();
    expect(served).toEqual(new Set(['a']));
    slow.destroy();
  });

  it('a descriptor that is closed already is refused', async () => {
    expect(await table.add('a', INFO, 9_999)).toBe('the descriptor is not a network namespace');
  });
});
