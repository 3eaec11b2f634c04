import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isEarlierVersion, ObjectStore } from './object-store.ts';
import type { KubeObject } from './resource.ts';

function pod(name: string, version: number, uid = 'u'): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', uid, resourceVersion: String(version) },
  };
}

/** What a consumer knows who believes every change. */
function believe(known: Map<string, KubeObject>, changes: Iterable<{ kind: string; object: KubeObject }>): void {
  for (const { kind, object } of changes) {
    if (kind === 'deleted') known.delete(object.metadata.name);
    else known.set(object.metadata.name, object);
  }
}

describe('object store', () => {
  it('tells a consumer exactly what leads from one list to any other', () => {
    const entry = fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      version: fc.nat(20),
      uid: fc.constantFrom('1', '2'),
    });
    const list = fc.uniqueArray(entry, { selector: ({ name }) => name });
    fc.assert(
      fc.property(fc.array(list, { minLength: 1, maxLength: 6 }), (lists) => {
        const [store, known] = [new ObjectStore<KubeObject>(), new Map<string, KubeObject>()];
        for (const one of lists) {
          const objects = one.map(({ name, version, uid }) => pod(name, version, uid));
          believe(known, store.replace(objects));
          const versions = (all: Iterable<KubeObject>): string[] =>
            [...all]
              .map(({ metadata }) => `${metadata.name} ${metadata.uid ?? ''} ${metadata.resourceVersion ?? ''}`)
              .sort();
          expect(versions(known.values())).toEqual(versions(objects));
          expect(versions(store.values())).toEqual(versions(objects));
        }
      }),
    );
  });

  it('never goes back to an older state, and never brings a deleted one back by it', () => {
    const event = fc.record({
      kind: fc.constantFrom('added' as const, 'modified' as const, 'deleted' as const),
      version: fc.integer({ min: 1, max: 10_000 }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        const store = new ObjectStore<KubeObject>();
        let last = 0;
        for (const { kind, version } of events) {
          for (const { object } of store.take(kind, pod('a', version))) {
            const now = Number(object.metadata.resourceVersion);
            if (store.get('a', 'shop') !== undefined) expect(now).toBeGreaterThanOrEqual(last);
            last = store.get('a', 'shop') === undefined ? 0 : now;
          }
        }
      }),
    );
  });

  it('an object of the same name that is another one is deleted and added', () => {
    const store = new ObjectStore<KubeObject>();
    Array.from(store.replace([pod('a', 1, 'old')]));
    const changes = [...store.replace([pod('a', 5, 'new')])];
    expect(changes.map(({ kind, object }) => `${kind} ${object.metadata.uid ?? ''}`)).toEqual([
      'deleted old',
      'added new',
    ]);
  });

  it('names of different namespaces are apart', () => {
    const store = new ObjectStore<KubeObject>();
    Array.from(
      store.replace([pod('a', 1), { ...pod('a', 2), metadata: { ...pod('a', 2).metadata, namespace: 'other' } }]),
    );
    expect(store.size).toBe(2);
    expect(store.get('a', 'other')?.metadata.resourceVersion).toBe('2');
  });
});

describe('resource versions', () => {
  it.each([
    ['9', '10', true],
    ['10', '9', false],
    ['10', '10', false],
    ['99999999999999999998', '99999999999999999999', true],
    ['abc', '10', false],
    [undefined, '10', false],
  ])('%s is before %s: %s', (version, than, earlier) => {
    expect(isEarlierVersion(version, than)).toBe(earlier);
  });
});
