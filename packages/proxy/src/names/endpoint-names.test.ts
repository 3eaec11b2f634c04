import { ManualClock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { beforeEach, describe, expect, it } from 'vitest';
import { ADDRESSES_PER_NAME, MAX_NAME_TTL, MAX_NAMES, MIN_NAME_TTL, NAME_LOOKUPS_AT_ONCE } from '../limits.ts';
import { EndpointNames } from './endpoint-names.ts';
import type { LookupResult } from './name-lookup.ts';

const NAME = 'api.example.com';
const silent = (): void => undefined;
const LOG: Logger = { debug: silent, info: silent, warn: silent, error: silent, fatal: silent };

describe('names of endpoints', () => {
  let clock: ManualClock;
  /** What was asked and not answered yet. */
  let asked: { readonly name: string; readonly answer: (result: LookupResult) => Promise<void> }[];
  /** What was told, one text each. */
  let told: string[];

  const names = (prefersIpv6 = false): EndpointNames => {
    return new EndpointNames({
      ...{ clock, random: () => 0, log: LOG, prefersIpv6 },
      lookUp: (name) =>
        new Promise((resolve) => {
          asked.push({
            name,
            answer: async (result) => {
              resolve(result);
              await settle();
            },
          });
        }),
      onChange: (name, { addresses, failure }) => {
        told.push(`${name}: ${addresses.join(' ')}${failure === undefined ? '' : ` (${failure})`}`);
      },
    });
  };
  const answer = async (result: LookupResult): Promise<void> => {
    const next = asked.shift();
    if (next === undefined) throw new Error('nothing was asked');
    await next.answer(result);
  };
  const found = (addresses: readonly string[], ttl = 60): LookupResult => ({ kind: 'found', addresses, ttl });

  beforeEach(() => {
    clock = new ManualClock();
    asked = [];
    told = [];
  });

  it('are told in order, once, and again only when they stand for something else', async () => {
    names().add(NAME);
    await answer(found(['192.0.2.2', '192.0.2.1', '192.0.2.2']));
    clock.advance(60_000);
    await answer(found(['192.0.2.1', '192.0.2.2']));
    clock.advance(60_000);
    await answer(found(['192.0.2.3']));
    expect(told).toEqual([`${NAME}: 192.0.2.1 192.0.2.2`, `${NAME}: 192.0.2.3`]);
  });

  it.each([
    ['a lifetime of nothing', 0, MIN_NAME_TTL],
    ['a day', 86_400, MAX_NAME_TTL],
    ['a minute', 60, 60_000],
  ])('are looked up again after %s, within limits', async (_, ttl, expected) => {
    names().add(NAME);
    await answer(found(['192.0.2.1'], ttl));
    clock.advance(expected - 1);
    expect(asked).toHaveLength(0);
    clock.advance(1);
    expect(asked).toHaveLength(1);
  });

  it('keep their last addresses while nobody answers', async () => {
    names().add(NAME);
    await answer(found(['192.0.2.1']));
    clock.advance(60_000);
    for (let failure = 0; failure < 10; failure++) {
      await answer({ kind: 'failed', reason: 'ETIMEOUT' });
      clock.advance(30_000);
    }
    await answer(found(['192.0.2.1']));
    expect(told).toEqual([`${NAME}: 192.0.2.1`, `${NAME}: 192.0.2.1 (ETIMEOUT)`, `${NAME}: 192.0.2.1`]);
  });

  it('lose them when there is no such name any more, said several times', async () => {
    names().add(NAME);
    await answer(found(['192.0.2.1']));
    clock.advance(60_000);
    for (let failure = 0; failure < 3; failure++) {
      await answer({ kind: 'gone', reason: 'ENOTFOUND' });
      clock.advance(30_000);
    }
    expect(told).toEqual([`${NAME}: 192.0.2.1`, `${NAME}: 192.0.2.1 (ENOTFOUND)`, `${NAME}:  (ENOTFOUND)`]);
  });

  it('never stand for the proxy itself, nor for what its machine alone reaches', async () => {
    names().add(NAME);
    await answer(found(['127.0.0.1', '::1', '0.0.0.0', '169.254.169.254', 'fe80::1', '192.0.2.1']));
    expect(told).toEqual([`${NAME}: 192.0.2.1`]);
  });

  it.each([
    [false, '192.0.2.1'],
    [true, '2001:db8::1'],
  ])('with addresses of both families stand for those of the own one (IPv6: %s)', async (prefersIpv6, expected) => {
    names(prefersIpv6).add(NAME);
    await answer(found(['2001:db8::1', '192.0.2.1']));
    expect(told).toEqual([`${NAME}: ${expected}`]);
  });

  it('stand for a limited number of addresses', async () => {
    const known = names();
    known.add(NAME);
    await answer(found(Array.from({ length: 200 }, (_, index) => `192.0.2.${index}`)));
    expect(known.stateOf(NAME)?.addresses).toHaveLength(ADDRESSES_PER_NAME);
  });

  it('are looked up a limited number at a time, and all of them', async () => {
    const known = names();
    const settled = known.settled();
    for (let index = 0; index < 100; index++) known.add(`${index}.example.com`);
    expect(asked).toHaveLength(NAME_LOOKUPS_AT_ONCE);
    for (let index = 0; index < 100; index++) await answer(found(['192.0.2.1']));
    await settled;
    expect(told).toHaveLength(100);
  });

  it('beyond the limit are refused by name', () => {
    const known = names();
    for (let index = 0; index < MAX_NAMES; index++) known.add(`${index}.example.com`);
    expect(known.add(NAME).failure).toMatch(/names are looked up already/);
    known.remove('0.example.com');
    expect(known.add(NAME).failure).toBeUndefined();
  });

  it('that nobody has by now are not asked for, whatever comes of it', async () => {
    const known = names();
    known.add(NAME);
    known.remove(NAME);
    await answer(found(['192.0.2.1']));
    clock.advance(MAX_NAME_TTL * 2);
    expect(asked).toHaveLength(0);
    expect(told).toEqual([]);
  });

  it('are what a predecessor knew until somebody answers', async () => {
    const known = names();
    expect(known.add(NAME, ['192.0.2.1']).addresses).toEqual(['192.0.2.1']);
    await answer({ kind: 'failed', reason: 'ESERVFAIL' });
    expect(told).toEqual([`${NAME}: 192.0.2.1 (ESERVFAIL)`]);
    expect(known.counts).toEqual({ resolved: 0, stale: 1, unresolved: 0 });
  });
});

/** Lets everything run that waits for what has just been resolved. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}
