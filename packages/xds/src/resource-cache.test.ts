import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { ResourceSchema } from '@ambit/proto/discovery';
import { type ChangedNames, ResourceCache, type ResourceInput } from './resource-cache.ts';

const FIRST = 'type.googleapis.com/first';
const SECOND = 'type.googleapis.com/second';

function resource(name: string, content: string, aliases: string[] = []): ResourceInput {
  return { name, aliases, bytes: Buffer.from(content) };
}

function recorded(cache: ResourceCache): string[][] {
  const changes: string[][] = [];
  cache.subscribe((changed: ChangedNames) => changes.push([...changed.values()].flatMap((names) => [...names])));
  return changes;
}

describe('ResourceCache', () => {
  it('gives the same content the same version, in every process', () => {
    const caches = [new ResourceCache([FIRST]), new ResourceCache([FIRST])];
    for (const cache of caches) cache.update([{ typeUrl: FIRST, upserts: [resource('a', 'x')], removals: [] }]);
    const [version, other] = caches.map((cache) => cache.get(FIRST, 'a')?.version);
    expect(version).toBe('LXEWQrcmsEQBYnyp-6wy9c');
    expect(other).toBe(version);
  });

  it('tells only of content that changed', () => {
    const cache = new ResourceCache([FIRST, SECOND]);
    const changes = recorded(cache);
    cache.replace(new Map([[FIRST, [resource('a', '1'), resource('b', '1')]]]));
    cache.replace(
      new Map([
        [FIRST, [resource('a', '1'), resource('b', '2')]],
        [SECOND, []],
      ]),
    );
    cache.replace(new Map([[FIRST, [resource('a', '1'), resource('b', '2')]]]));
    cache.replace(new Map([[FIRST, [resource('b', '2')]]]));
    cache.update([{ typeUrl: FIRST, upserts: [], removals: ['unknown'] }]);
    expect(changes).toEqual([['a', 'b'], ['b'], ['a']]);
  });

  it('holds what a list says that it was given before, also when something has changed it since', () => {
    const cache = new ResourceCache([FIRST]);
    const changes = recorded(cache);
    const list = [resource('a', '1')];
    cache.replace(new Map([[FIRST, list]]));
    cache.replace(new Map([[FIRST, list]]));
    cache.update([{ typeUrl: FIRST, upserts: [resource('a', '2'), resource('b', '1')], removals: [] }]);
    cache.replace(new Map([[FIRST, list]]));
    expect(changes).toEqual([['a'], ['a', 'b'], ['b', 'a']]);
    expect(Array.from(cache.resources(FIRST), ({ name }) => name)).toEqual(['a']);
  });

  it('tells of several types at once', () => {
    const cache = new ResourceCache([FIRST, SECOND]);
    const changes = recorded(cache);
    cache.update([
      { typeUrl: SECOND, upserts: [resource('s', '1')], removals: [] },
      { typeUrl: FIRST, upserts: [resource('f', '1')], removals: [] },
    ]);
    expect(changes).toEqual([['s', 'f']]);
  });

  it('finds by name and by alias, and lets an alias pass to another resource', () => {
    const cache = new ResourceCache([FIRST]);
    const put = (...upserts: ResourceInput[]): void => cache.update([{ typeUrl: FIRST, upserts, removals: [] }]);
    put(resource('pod-a', '1', ['net/10.0.0.1']));
    expect(cache.find(FIRST, 'net/10.0.0.1')?.name).toBe('pod-a');
    put(resource('pod-b', '1', ['net/10.0.0.1']));
    cache.update([{ typeUrl: FIRST, upserts: [], removals: ['pod-a'] }]);
    expect(cache.find(FIRST, 'net/10.0.0.1')?.name).toBe('pod-b');
    put(resource('pod-b', '1', []));
    expect(cache.find(FIRST, 'net/10.0.0.1')).toBeUndefined();
  });

  it('holds the message as it is sent', () => {
    const cache = new ResourceCache([FIRST]);
    cache.update([{ typeUrl: FIRST, upserts: [resource('a', 'content', ['b'])], removals: [] }]);
    const message = fromBinary(ResourceSchema, cache.get(FIRST, 'a')?.encoded ?? new Uint8Array());
    expect(message).toMatchObject({ name: 'a', aliases: ['b'], version: cache.get(FIRST, 'a')?.version });
    expect(message.resource?.typeUrl).toBe(FIRST);
    expect(Buffer.from(message.resource?.value ?? []).toString()).toBe('content');
  });

  it('refuses a type that is not served', () => {
    const update = { typeUrl: SECOND, upserts: [], removals: [] };
    expect(() => new ResourceCache([FIRST]).update([update])).toThrow(/second is not among the served types .*first/);
  });
});
