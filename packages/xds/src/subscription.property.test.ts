import { create, fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeltaDiscoveryRequestSchema, ResourceSchema } from '@ambit/proto/discovery';
import { ResourceCache } from './resource-cache.ts';
import { Subscription } from './subscription.ts';

const TYPE = 'type.googleapis.com/t';
const NAMES = ['a', 'b', 'c', '__proto__', 'constructor'];

type Step =
  | { readonly kind: 'put'; readonly name: string; readonly content: string }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'note' }
  | { readonly kind: 'take'; readonly maxBytes: number }
  | { readonly kind: 'reconnect' };

const name = fc.constantFrom(...NAMES);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), name, content: fc.constantFrom('1', '2', '3') }),
  fc.record({ kind: fc.constant('remove' as const), name }),
  fc.record({ kind: fc.constant('note' as const) }),
  fc.record({ kind: fc.constant('take' as const), maxBytes: fc.constantFrom(1, 1_000) }),
  fc.record({ kind: fc.constant('reconnect' as const) }),
);

/** A server and a client of it; what changes is noted late, as while it is gathered. */
class Model {
  readonly #cache = new ResourceCache([TYPE]);
  readonly #wanted: readonly string[];
  readonly #held = new Map<string, { version: string; content: string }>();
  #gathering = new Set<string>();
  #subscription: Subscription;

  constructor(wanted: readonly string[]) {
    this.#wanted = wanted;
    this.#cache.subscribe((changed) => {
      for (const changedName of changed.get(TYPE) ?? []) this.#gathering.add(changedName);
    });
    this.#subscription = this.#subscribe();
  }

  run(one: Step): void {
    switch (one.kind) {
      case 'put': {
        const upserts = [{ name: one.name, bytes: Buffer.from(one.content) }];
        this.#cache.update([{ typeUrl: TYPE, upserts, removals: [] }]);
        return;
      }
      case 'remove':
        this.#cache.update([{ typeUrl: TYPE, upserts: [], removals: [one.name] }]);
        return;
      case 'note':
        this.#subscription.note(this.#gathering);
        this.#gathering = new Set();
        return;
      case 'take':
        this.#take(one.maxBytes);
        return;
      case 'reconnect':
        this.#subscription = this.#subscribe();
        return;
    }
  }

  clientState(): Record<string, string> {
    return sorted(Array.from(this.#held, ([held, { content }]) => [held, content]));
  }

  serverState(): Record<string, string> {
    const wanted = [...this.#cache.resources(TYPE)].filter(
      (resource) => this.#wanted.length === 0 || this.#wanted.includes(resource.name),
    );
    return sorted(
      wanted.map((resource) => {
        const value = fromBinary(ResourceSchema, resource.encoded).resource?.value ?? [];
        return [resource.name, Buffer.from(value).toString()];
      }),
    );
  }

  #take(maxBytes: number): void {
    const { resources, removed } = this.#subscription.take({ upserts: true, removals: true, maxBytes });
    for (const { encoded } of resources) {
      const { name: taken, version, resource } = fromBinary(ResourceSchema, encoded);
      this.#held.set(taken, { version, content: Buffer.from(resource?.value ?? []).toString() });
    }
    for (const gone of removed) this.#held.delete(gone);
  }

  #subscribe(): Subscription {
    const versions = Array.from(this.#held, ([held, { version }]): [string, string] => [held, version]);
    const request = create(DeltaDiscoveryRequestSchema, {
      typeUrl: TYPE,
      resourceNamesSubscribe: [...this.#wanted],
      initialResourceVersions: Object.fromEntries(versions),
    });
    return new Subscription(request, this.#cache);
  }
}

function sorted(entries: [string, string][]): Record<string, string> {
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe('Subscription', () => {
  it.each([
    ['everything', []],
    ['some names', ['a', 'constructor']],
  ])('ends with the client holding what the server has, whatever happened (%s)', (_, wanted) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const model = new Model(wanted);
        for (const one of steps) model.run(one);
        model.run({ kind: 'note' });
        model.run({ kind: 'take', maxBytes: 1_000 });
        expect(model.clientState()).toEqual(model.serverState());
      }),
      { numRuns: 500 },
    );
  });
});
