import { ManualClock, systemClock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { Metrics } from '@ambit/telemetry/metrics';
import type { TokenRule } from '@ambit/traffic/model/token-rule';
import { describe, expect, it } from 'vitest';
import { guardedFetch } from './control/guarded-fetch.ts';
import { KeySets } from './control/key-sets.ts';
import { JWKS_AGE_MS, JWKS_REFETCH_MS, JWKS_RETRY_MAX_MS } from './limits.ts';
import { type Answer, answering, Client } from './test-application.ts';
import { serving, TestIssuer } from './test-issuer.ts';
import { end, start } from './test-start.ts';
import { ISSUER, TestKey, tokenRule } from './test-tokens.ts';
import type { TestWaypoint } from './test-waypoint.ts';

const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined } as unknown as Logger;

interface Bed {
  readonly bed: TestWaypoint;
  readonly clock: ManualClock;
  readonly send: (token: string) => Promise<Answer>;
}

/** A waypoint whose main thread and data thread take turns; `clock` is that of the keys alone. */
async function guardedBy(issuer: TestIssuer): Promise<Bed> {
  const rule: TokenRule = tokenRule({ keys: { kind: 'uri', uri: `${issuer.origin}/keys` } });
  const bed = start({ protocol: 'http2', endpoints: { 'cart-1': answering('HTTP/2', 200, '') }, tokenRules: [rule] });
  const clock = new ManualClock();
  const sets = new KeySets({
    ...{ clock, random: () => 0, log: LOG, metrics: new Metrics() },
    fetch: guardedFetch({
      clock: systemClock,
      lookUp: () => Promise.resolve(['127.0.0.1']),
      forbidden: () => undefined,
      limit: 10_000,
    }),
    broadcast: (change) => {
      bed.tellKeys(change);
    },
  });
  await sets.follow([{ tokenRules: [rule] }]);
  const client = new Client(bed, 'HTTP/2');
  let heard = 0;
  const turn = async (): Promise<void> => {
    bed.loop.pass(1);
    for (const report of bed.reports.slice(heard)) {
      heard += 1;
      if (report.kind === 'keys-wanted') void sets.wanted(report.source);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  };
  const send = async (token: string): Promise<Answer> => {
    const answer = client.send({ authorization: `Bearer ${token}` });
    for (let turns = 0; !answer.settled && turns < 2_000; turns++) await turn();
    return answer;
  };
  return { bed, clock, send };
}

describe('requests of an issuer whose keys are fetched', () => {
  const keys = [1, 2, 3, 4].map((number) => new TestKey('ES256', `key-${number}`));
  const claims = { iss: ISSUER, sub: 'alice' };

  it('pass from the first one on, and while it changes its key again and again none fails', async () => {
    const issuer = await new TestIssuer(serving()).start();
    const { bed, clock, send } = await guardedBy(issuer);
    const statuses: number[] = [];
    for (const key of keys) {
      // As an issuer does: the key is published, and in use at once.
      issuer.answer = serving(key);
      clock.advance(JWKS_REFETCH_MS);
      for (let request = 0; request < 10; request++) {
        statuses.push((await send(key.token({ ...claims, jti: String(request) }))).status);
      }
    }
    expect(statuses).toEqual(new Array<number>(40).fill(200));
    expect(issuer.hits.length).toBeLessThanOrEqual(1 + keys.length);
    end(bed);
  });

  it('pass while it is away, until its keys are too old, and again when it is back', async () => {
    const [key] = keys;
    const issuer = await new TestIssuer(serving(key ?? new TestKey('ES256'))).start();
    const { bed, clock, send } = await guardedBy(issuer);
    const status = async (): Promise<number> => (await send(key?.token(claims) ?? '')).status;
    expect(await status()).toBe(200);
    await issuer.stop();
    const away: number[] = [];
    for (let hours = 0; hours < 23; hours++) {
      clock.advance(3_600_000);
      away.push(await status());
    }
    expect(away).toEqual(new Array<number>(23).fill(200));
    clock.advance(JWKS_AGE_MS);
    await expect.poll(status, { timeout: 5_000 }).toBe(401);
    await issuer.start();
    clock.advance(JWKS_RETRY_MAX_MS);
    expect(await status()).toBe(200);
    end(bed);
  });

  it('with keys that nobody has do not have the issuer asked for each', async () => {
    const issuer = await new TestIssuer(serving(...keys)).start();
    const { bed, clock, send } = await guardedBy(issuer);
    expect((await send(keys[0]?.token(claims) ?? '')).status).toBe(200);
    clock.advance(JWKS_REFETCH_MS);
    const before = issuer.hits.length;
    for (let number = 0; number < 20; number++) {
      const stranger = new TestKey('ES256', `stranger-${number}`);
      expect((await send(stranger.token(claims))).status).toBe(401);
    }
    expect(issuer.hits.length - before).toBe(1);
    end(bed);
  });
});
