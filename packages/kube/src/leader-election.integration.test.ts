import { ManualClock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubeClient } from './client.ts';
import { LeaderElection } from './leader-election.ts';
import { TestApiServer } from './test-api-server.ts';
import { TestLease } from './test-lease.ts';
import { settle } from './test-settle.ts';

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  fatal: () => undefined,
};

let server: TestApiServer;
let lease: TestLease;
let client: KubeClient;
let clock: ManualClock;
let elections: LeaderElection[];
let told: string[];

beforeEach(async () => {
  server = await TestApiServer.start();
  lease = new TestLease();
  server.reply = lease.reply;
  clock = new ManualClock(Date.parse('2026-01-01T00:00:00Z'));
  client = new KubeClient(server.apiServer, { clock, userAgent: 'ambit-test' });
  elections = [];
  told = [];
});

afterEach(async () => {
  for (const election of elections) election.destroy();
  client.destroy();
  await server.kill();
});

function candidate(identity: string, own: ManualClock = clock): LeaderElection {
  const election = new LeaderElection({
    client,
    namespace: 'istio-system',
    name: 'lead',
    identity,
    clock: own,
    log: silent,
    random: () => 0.5,
    onChange: (leading) => told.push(`${identity} ${leading ? 'leads' : 'does not'}`),
  });
  elections.push(election);
  election.start();
  return election;
}

async function pass(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    clock.advance(1_000);
    await settle();
  }
}

async function leader(election: LeaderElection): Promise<LeaderElection> {
  await expect.poll(() => election.leading).toBe(true);
  return election;
}

describe('leader election', () => {
  it('one of three leads, and writes who', async () => {
    const [a, b, c] = [candidate('a'), candidate('b'), candidate('c')];
    await settle();
    await pass(8);
    const leading = [a, b, c].filter((election) => election.leading);
    expect(leading.length).toBe(1);
    expect(told.length).toBe(1);
    expect(lease.lease?.spec?.leaseDurationSeconds).toBe(15);
    expect(lease.lease?.spec?.renewTime).toMatch(/^2026-01-01T00:00:0\d\.\d{6}Z$/);
    expect(lease.lease?.spec?.acquireTime).toBe('2026-01-01T00:00:00.000000Z');
    expect(lease.lease?.spec?.leaseTransitions).toBe(0);
  });

  it('another leads after the leader fell silent for the duration of the Lease, not before', async () => {
    const a = await leader(candidate('a'));
    const b = candidate('b');
    await settle();
    a.destroy();
    expect(a.leading).toBe(false);
    await pass(14);
    expect(b.leading).toBe(false);
    await pass(6);
    expect(b.leading).toBe(true);
    expect(lease.lease?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  it('another leads soon after the leader has closed', async () => {
    const a = await leader(candidate('a'));
    const b = candidate('b');
    await settle();
    await a.close({ deadline: 1_000 });
    expect(lease.lease?.spec?.holderIdentity).toBe('');
    await pass(5);
    expect(b.leading).toBe(true);
    expect(told).toEqual(['a leads', 'a does not', 'b leads']);
  });

  it('the age of a Lease goes by the own clock, whatever time is written in it', async () => {
    await leader(candidate('a'));
    const behind = new ManualClock(Date.parse('2030-01-01T00:00:00Z'));
    const b = candidate('b', behind);
    await settle();
    // By its own times the Lease of `a` ran out years ago.
    for (let second = 0; second < 10; second += 1) {
      behind.advance(1_000);
      await settle();
    }
    expect(b.leading).toBe(false);
  });

  it('the leader steps down at the deadline when it cannot renew, before another may take over', async () => {
    const a = await leader(candidate('a'));
    lease.silent = true;
    await pass(9);
    expect(a.leading).toBe(true);
    clock.advance(1_000);
    expect(a.leading).toBe(false);
    expect(told).toEqual(['a leads', 'a does not']);
    lease.silent = false;
    await pass(10);
    expect(a.leading).toBe(true);
  });

  it('a leader that was frozen knows that it leads no more before anything else ran', async () => {
    const a = await leader(candidate('a'));
    // Time passes without a timer having had its turn.
    const now = clock.now.bind(clock);
    clock.now = () => now() + 11_000;
    expect(a.leading).toBe(false);
  });

  it('a leader whose Lease was taken by another steps down at once', async () => {
    const a = await leader(candidate('a'));
    const { lease: held } = lease;
    if (held === undefined) throw new Error('no Lease');
    const metadata = { ...held.metadata, resourceVersion: '999' };
    lease.lease = { ...held, metadata, spec: { ...held.spec, holderIdentity: 'thief' } };
    await pass(3);
    expect(a.leading).toBe(false);
    expect(lease.lease.spec?.holderIdentity).toBe('thief');
  });

  it('a renewal whose answer was lost does not cost the leadership', async () => {
    const a = await leader(candidate('a'));
    lease.loseAnswers = true;
    await pass(3);
    lease.loseAnswers = false;
    await pass(6);
    expect(a.leading).toBe(true);
    expect(told).toEqual(['a leads']);
    expect(lease.lease?.spec?.leaseTransitions).toBe(0);
  });

  it('an absurd duration in a Lease does not stop the work for ever', async () => {
    await leader(candidate('a')).then((election) => election.destroy());
    if (lease.lease !== undefined)
      lease.lease = { ...lease.lease, spec: { ...lease.lease.spec, leaseDurationSeconds: 1e9 } };
    const b = candidate('b');
    await settle();
    await pass(70);
    expect(b.leading).toBe(true);
  });
});
