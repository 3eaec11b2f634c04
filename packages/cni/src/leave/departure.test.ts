import { ManualClock } from '@ambit/core/clock';
import { createLogger } from '@ambit/core/log';
import type { KubeObject } from '@ambit/kube/resource';
import { beforeEach, describe, expect, it } from 'vitest';
import { Departure } from './departure.ts';

describe('an agent whose node the mesh leaves', () => {
  let clock: ManualClock;
  /** What was done to the node, in order. */
  let done: string[];
  /** What the agent's own Pod says. */
  let said: unknown[];
  /** Steps that fail now. */
  let failing: Set<string>;
  let departure: Departure;

  const step = (name: string): void => {
    if (failing.has(name)) throw new Error(`${name} fails`);
    done.push(name);
  };

  beforeEach(() => {
    clock = new ManualClock();
    [done, said, failing] = [[], [], new Set()];
    departure = new Departure({
      pods: { members: () => [], reconsider: () => undefined },
      probes: { repair: () => [], removeRules: () => step('rules') },
      installer: {
        start: () => step('start'),
        withdraw: () => step('entry'),
        removeProgram: () => step('program'),
      },
      view: { write: () => undefined, remove: () => step('view') },
      client: {
        mergePatch: <T extends KubeObject>(_resource: unknown, _name: unknown, _namespace: unknown, patch: object) => {
          said.push((patch as { metadata: { annotations: Record<string, unknown> } }).metadata.annotations);
          return Promise.resolve({} as T);
        },
      },
      self: { name: 'istio-cni-node-x', namespace: 'istio-system' },
      clock,
      log: createLogger('test', { level: 'silent' }),
    });
  });

  async function after(milliseconds: number): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += 100) {
      clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  it('does not say that nothing is left while the entry is, and does not take the program from under it', async () => {
    failing.add('entry');
    departure.follow({ kind: 'leaves', mark: 'try-1', drain: 0 });
    await after(10_000);
    expect([done, said]).toEqual([[], []]);
    failing.clear();
    await after(10_000);
    expect(done).toEqual(['entry', 'rules', 'program', 'view']);
    expect(said).toEqual([{ 'ambit.io/uninstalled': 'try-1' }]);
  });

  it('does not say that nothing is left when it is told to stay before that', async () => {
    failing.add('rules');
    departure.follow({ kind: 'leaves', mark: 'try-1', drain: 0 });
    await after(5_000);
    departure.follow({ kind: 'stays' });
    await after(5_000);
    expect(done).toEqual(['entry', 'start']);
    expect(said).toEqual([]);
  });

  it('says so under the next mark too, without doing it again', async () => {
    departure.follow({ kind: 'leaves', mark: 'try-1', drain: 0 });
    await after(5_000);
    departure.follow({ kind: 'leaves', mark: 'try-2', drain: 0 });
    await after(1_000);
    expect(done).toEqual(['entry', 'rules', 'program', 'view']);
    expect(said).toEqual([{ 'ambit.io/uninstalled': 'try-1' }, { 'ambit.io/uninstalled': 'try-2' }]);
  });
});
