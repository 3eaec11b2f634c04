import { create, toBinary } from '@bufbuild/protobuf';
import { systemClock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { MeshStore } from '@ambit/mesh/mesh-store';
import { resourceVersions } from '@ambit/mesh/resource/snapshot';
import { AddressSchema } from '@ambit/proto/workload';
import type { XdsResource } from '@ambit/xds/resource';
import { describe, expect, it } from 'vitest';
import { ADDRESS_TYPE, Resources } from '../resources.ts';
import type { LookUp, LookupResult } from './name-lookup.ts';

const silent = (): void => undefined;
const LOG: Logger = { debug: silent, info: silent, warn: silent, error: silent, fatal: silent };

function uidOf(name: string): string {
  return `cluster/networking.istio.io/WorkloadEntry/shop/${name}`;
}

function endpoint(name: string, hostname: string): XdsResource {
  const value = { uid: uidOf(name), name, namespace: 'shop', hostname };
  const bytes = toBinary(AddressSchema, create(AddressSchema, { type: { case: 'workload', value } }));
  return { name: uidOf(name), aliases: [], version: '7', bytes };
}

/** What a proxy knows, and what its data threads do. */
function proxy(lookUp: LookUp): { resources: Resources; thread: MeshStore; asked: string[] } {
  const thread = new MeshStore();
  const asked: string[] = [];
  const resources = new Resources({
    ...{ network: '', clusterDomain: 'cluster.local', log: LOG, onApplied: silent },
    distribute: (batch) => {
      thread.apply(batch);
      return Promise.resolve();
    },
    names: {
      ...{ clock: systemClock, random: () => 0, prefersIpv6: false },
      lookUp: (name) => {
        asked.push(name);
        return lookUp(name);
      },
    },
  });
  return { resources, thread, asked };
}

const tell = (resources: Resources, names: Readonly<Record<string, string>>, removed: readonly string[] = []) =>
  resources.apply({
    typeUrl: ADDRESS_TYPE,
    resources: Object.entries(names).map(([name, hostname]) => endpoint(name, hostname)),
    removed: removed.map((name) => uidOf(name)),
    first: true,
  });

const addressesOf = (store: MeshStore, name: string): readonly string[] | undefined =>
  store.workloads.byUid(uidOf(name))?.model.addresses;

const FOUND: LookupResult = { kind: 'found', addresses: ['192.0.2.1'], ttl: 60 };

describe('endpoints that are known by a name', () => {
  it('have its addresses on every thread, and are asked for once', async () => {
    const { resources, thread, asked } = proxy(() => Promise.resolve(FOUND));
    await tell(resources, { a: 'api.example.com', b: 'API.example.com' });
    await expect.poll(() => addressesOf(thread, 'b')).toEqual(['192.0.2.1']);
    expect(addressesOf(thread, 'a')).toEqual(['192.0.2.1']);
    expect(asked).toEqual(['api.example.com']);
    // The controller is told of what it has sent, and of nothing else.
    expect([...resourceVersions(resources.store, 'address')]).toEqual([
      [uidOf('a'), '7'],
      [uidOf('b'), '7'],
    ]);
  });

  it('keep them when the controller describes them anew, and take those of another name', async () => {
    const { resources, thread } = proxy((name) =>
      Promise.resolve(name === 'api.example.com' ? FOUND : { ...FOUND, addresses: ['192.0.2.2'] }),
    );
    await tell(resources, { a: 'api.example.com' });
    await expect.poll(() => addressesOf(thread, 'a')).toEqual(['192.0.2.1']);
    await tell(resources, { a: 'api.example.com' });
    expect(addressesOf(thread, 'a')).toEqual(['192.0.2.1']);
    await tell(resources, { a: 'other.example.com' });
    await expect.poll(() => addressesOf(thread, 'a')).toEqual(['192.0.2.2']);
    expect(resources.names.stateOf('api.example.com')).toBeUndefined();
  });

  it('say why they have none', async () => {
    const { resources, thread } = proxy(() => Promise.resolve({ kind: 'gone', reason: 'ENOTFOUND' }));
    await tell(resources, { a: 'api.example.com' });
    await expect.poll(() => thread.workloads.byUid(uidOf('a'))?.model.resolution).toEqual({ failure: 'ENOTFOUND' });
  });

  it('are not asked for any more when they are gone', async () => {
    const { resources, thread } = proxy(() => Promise.resolve(FOUND));
    await tell(resources, { a: 'api.example.com' });
    await expect.poll(() => addressesOf(thread, 'a')).toEqual(['192.0.2.1']);
    await tell(resources, {}, ['a']);
    expect(thread.workloads.byUid(uidOf('a'))).toBeUndefined();
    expect(resources.names.stateOf('api.example.com')).toBeUndefined();
  });

  it('are what the process before knew while nobody answers', async () => {
    const before = proxy(() => Promise.resolve(FOUND));
    await tell(before.resources, { a: 'api.example.com' });
    await expect.poll(() => addressesOf(before.thread, 'a')).toEqual(['192.0.2.1']);
    const { resources, thread, asked } = proxy(() => Promise.resolve({ kind: 'failed', reason: 'ETIMEOUT' }));
    resources.restore(before.resources.snapshot());
    thread.apply(resources.snapshot());
    await resources.names.settled();
    expect(asked).toEqual(['api.example.com']);
    await expect.poll(() => thread.workloads.byUid(uidOf('a'))?.model.resolution).toEqual({ failure: 'ETIMEOUT' });
    expect(addressesOf(thread, 'a')).toEqual(['192.0.2.1']);
  });
});
