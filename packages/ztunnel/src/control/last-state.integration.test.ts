import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ManualClock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { formatSpiffeId, requireSpiffeId, sameSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import { encodeState } from '@ambit/identity/saved-state';
import { TestAuthority } from '@ambit/identity/test-authority';
import { type ResourceBatch, writeBatch } from '@ambit/mesh/resource/batch';
import { entriesOf, service } from '@ambit/mesh/test-model';
import { Certificates } from '@ambit/proxy/certificates';
import { ProxyMetrics } from '@ambit/proxy/proxy-metrics';
import { Resources } from '@ambit/proxy/resources';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../config.ts';
import { Estate } from '../keeper/estate.ts';
import type { StateName } from '../keeper/packets.ts';
import { LastState } from './last-state.ts';

const silent = (): void => undefined;
const log: Logger = { debug: silent, info: silent, warn: silent, error: silent, fatal: silent };

/** A mesh of one service, as a whole state. */
function mesh(name: string): ResourceBatch {
  return writeBatch(1, true, entriesOf({ services: [service(name, ['10.96.0.1'])] }));
}

const CART = requireSpiffeId('spiffe://cluster.local/ns/shop/sa/cart');
const WEB = requireSpiffeId('spiffe://cluster.local/ns/shop/sa/web');

/** Certificates as a predecessor leaves them. */
async function certificatesOf(...identities: SpiffeId[]): Promise<Buffer> {
  const authority = await TestAuthority.create();
  const certificates = await Promise.all(
    identities.map(async (identity) => {
      const issued = await authority.issue(formatSpiffeId(identity));
      const times = { notBefore: issued.notBefore.getTime(), notAfter: issued.notAfter.getTime() };
      return { ...issued, ...times, identity, generation: 1, serialNumber: '01' };
    }),
  );
  return Buffer.from(encodeState(certificates));
}

describe('what a proxy starts from', () => {
  let clock: ManualClock;
  let directory: string;
  let remembered: SpiffeId[];

  /** A proxy as far as it remembers: what it restored, and what it keeps. */
  const proxy = (
    held: ReadonlyMap<StateName, Buffer> = new Map(),
  ): { state: LastState; resources: Resources; certificates: Certificates } => {
    const resources = new Resources({
      names: {
        ...{ clock, random: () => 0, prefersIpv6: false },
        lookUp: () => Promise.resolve({ kind: 'failed', reason: 'ETIMEOUT' }),
      },
      ...{ network: '', clusterDomain: 'cluster.local', log, distribute: () => Promise.resolve() },
      onApplied: silent,
    });
    const certificates = new Certificates({
      ...{ config: readConfig({}), clock, random: () => 0, log, broadcast: silent, onChanged: silent },
    });
    const state = new LastState({
      ...{ snapshotDirectory: directory, clock, log, estate: new Estate(clock, log, undefined) },
      metrics: new ProxyMetrics('ztunnel', 0),
      remembers: (identity) => remembered.some((one) => sameSpiffeId(one, identity)),
    });
    state.restore(held, { resources, certificates });
    return { state, resources, certificates };
  };
  const known = ({ resources }: { resources: Resources }): string[] =>
    [...resources.store.services.all()].map(({ keys }) => keys.key);
  const held = (name: string): Map<StateName, Buffer> => new Map([['resources', Buffer.from(mesh(name).bytes)]]);
  /** The controller has told a proxy of a mesh. */
  const told = ({ state, resources }: { state: LastState; resources: Resources }, name: string): void => {
    resources.restore(mesh(name));
    state.resourcesChanged(resources);
    clock.advance(60_000);
  };

  beforeEach(() => {
    clock = new ManualClock(Date.now());
    remembered = [CART, WEB];
    directory = mkdtempSync('/dev/shm/last-state-');
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  it('nothing, then the snapshot of the pod before, which has to be believed', async () => {
    const first = proxy();
    expect(known(first)).toEqual([]);
    expect(first.resources.believe()).toBe(false);
    told(first, 'cart');
    const second = proxy();
    expect(known(second)).toEqual(['shop/cart.shop.svc.cluster.local']);
    let served = false;
    void second.resources.known.then(() => (served = true));
    await Promise.resolve();
    expect(served).toBe(false);
    expect(second.resources.believe()).toBe(true);
    await second.resources.known;
  });

  it('what the keeper holds rather than the snapshot, at once; it is in the snapshot then', async () => {
    told(proxy(), 'old');
    const restarted = proxy(held('newer'));
    expect(known(restarted)).toEqual(['shop/newer.shop.svc.cluster.local']);
    await restarted.resources.known;
    clock.advance(60_000);
    expect(known(proxy())).toEqual(['shop/newer.shop.svc.cluster.local']);
  });

  it('the snapshot when what the keeper holds cannot be read', () => {
    told(proxy(), 'kept');
    expect(known(proxy(new Map([['resources', Buffer.from('nonsense')]])))).toEqual([
      'shop/kept.shop.svc.cluster.local',
    ]);
  });

  it('and writes nothing before it knows something of its own', async () => {
    told(proxy(), 'cart');
    const written = (): string[] => readdirSync(directory).filter((name) => !name.startsWith('writer'));
    const before = written();
    const second = proxy(new Map([['certificates', await certificatesOf(CART)]]));
    const { state, certificates } = second;
    state.certificatesChanged(certificates, certificates.store.exportState(), false);
    clock.advance(60_000);
    expect(written()).toEqual(before);
    state.certificatesChanged(certificates, certificates.store.exportState(), true);
    state.close();
    expect(written()).toContain('certificates.2');
  });

  it('and keeps no key that no pod of the node needs; without any no predecessor has one either', async () => {
    const keys = (): string[] =>
      readdirSync(directory)
        .filter((name) => name.startsWith('certificates'))
        .map((name) => readFileSync(join(directory, name), 'latin1'));
    const first = proxy(new Map([['certificates', await certificatesOf(CART, WEB)]]));
    first.state.identitiesChanged(first.certificates);
    clock.advance(60_000);
    expect(keys()).toEqual([expect.stringMatching(/sa\/cart.*sa\/web/s)]);
    const second = proxy();
    remembered = [WEB];
    second.state.identitiesChanged(second.certificates);
    clock.advance(60_000);
    expect(keys()).toEqual([expect.not.stringContaining('sa/cart')]);
    expect(proxy().certificates.store.identities()).toEqual([WEB]);
    remembered = [];
    second.state.identitiesChanged(second.certificates);
    second.state.close();
    expect(keys()).toEqual([]);
  });
});
