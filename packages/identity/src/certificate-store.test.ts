import { createPrivateKey, X509Certificate } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { ManualClock, type Timer } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { formatSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import type { CertificateSource, IdentityEvent, IssuedChain } from './certificate.ts';
import { CertificateStore } from './certificate-store.ts';
import { createCertificateRequest } from './csr.ts';
import { TestAuthority } from './test-authority.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const START = Math.floor(Date.now() / 1000) * 1000;

function account(name: string): SpiffeId {
  return { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: name };
}

const PAYMENT = account('payment');

let firstRoot: TestAuthority;
let secondRoot: TestAuthority;

beforeAll(async () => {
  const validity = { notBefore: new Date(START - HOUR_MS), notAfter: new Date(START + 1_000 * HOUR_MS) };
  firstRoot = await TestAuthority.create({ name: 'first', ...validity });
  secondRoot = await TestAuthority.create({ name: 'second', ...validity });
});

/** Stops at every timer, so that what one sets off can finish before the next is due. */
class SteppedClock extends ManualClock {
  readonly #due = new Set<{ readonly at: number }>();

  override setTimeout(run: () => void, milliseconds: number): Timer {
    const entry = { at: this.now() + milliseconds };
    this.#due.add(entry);
    const timer = super.setTimeout(() => {
      this.#due.delete(entry);
      run();
    }, milliseconds);
    return {
      cancel: () => {
        this.#due.delete(entry);
        timer.cancel();
      },
    };
  }

  /** Milliseconds to the next timer, at most `limit`. */
  toNext(limit: number): number {
    return Math.min(...Array.from(this.#due, ({ at }) => at - this.now()), limit);
  }
}

/** A store on a clock that is turned by hand, and a CA that answers as told. */
class Scene implements CertificateSource {
  readonly clock = new SteppedClock(START);
  readonly events: IdentityEvent[] = [];
  readonly calls: string[] = [];
  readonly store: CertificateStore;
  authority = (): TestAuthority => firstRoot;
  lifeMs = 24 * HOUR_MS;
  random = 0;
  mode: 'answers' | 'fails' | 'hangs' = 'answers';
  running = 0;
  mostRunning = 0;
  alter: (issued: IssuedChain) => IssuedChain = (issued) => issued;

  constructor() {
    this.store = this.newStore();
  }

  newStore(): CertificateStore {
    return new CertificateStore({
      clock: this.clock,
      random: () => this.random,
      source: this,
      onEvent: (event) => this.events.push(event),
    });
  }

  async fetch(identity: SpiffeId, signal: AbortSignal): Promise<IssuedChain> {
    this.calls.push(identity.serviceAccount);
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    try {
      await setImmediate();
      if (this.mode === 'fails') throw new AmbitError('AMBIT_CA_UNAVAILABLE', 'the CA is away');
      if (this.mode === 'hangs') await new Promise((_, reject) => signal.addEventListener('abort', reject));
      const { privateKeyPem, csrPem } = await createCertificateRequest(identity);
      const now = this.clock.wallTime();
      const authority = this.authority();
      const { leafPem } = await authority.issue(formatSpiffeId(identity), {
        csrPem,
        notBefore: new Date(now),
        notAfter: new Date(now + this.lifeMs),
      });
      return this.alter({ privateKeyPem, chainPem: [leafPem, authority.rootPem] });
    } finally {
      this.running -= 1;
    }
  }

  /** Moves time and lets what becomes due run to its end. */
  async advance(ms: number): Promise<void> {
    await this.#settle();
    for (let left = ms; left > 0 || this.clock.toNext(1) === 0; ) {
      const step = this.clock.toNext(left);
      this.clock.advance(step);
      left -= step;
      await this.#settle();
    }
  }

  async #settle(): Promise<void> {
    await setImmediate();
    while (this.running > 0 && this.mode !== 'hangs') await setImmediate();
  }

  kinds(): string[] {
    return this.events.map((event) => event.kind);
  }
}

describe('CertificateStore', () => {
  it('fetches what it is asked to keep and tells it once', async () => {
    const scene = new Scene();
    scene.store.warm(PAYMENT);
    expect(scene.store.state(PAYMENT)?.phase).toBe('initializing');
    expect(scene.store.get(PAYMENT)).toBeUndefined();
    await scene.advance(0);
    const certificate = scene.store.get(PAYMENT);
    expect(scene.events).toEqual([{ kind: 'certificate', certificate, restored: false }]);
    expect(certificate?.generation).toBe(1);
    const leaf = new X509Certificate(certificate?.certificateChainPem ?? '');
    expect(leaf.checkPrivateKey(createPrivateKey(certificate?.privateKeyPem ?? ''))).toBe(true);
  });

  it('asks once per identity however many wait', async () => {
    const scene = new Scene();
    for (let pod = 0; pod < 100; pod++) scene.store.warm(PAYMENT);
    const waits = Array.from({ length: 100 }, () => scene.store.obtain(PAYMENT, { timeoutMs: 1_000 }));
    await scene.advance(0);
    expect(new Set(await Promise.all(waits)).size).toBe(1);
    expect(scene.calls).toEqual(['payment']);
  });

  it('takes 1,000 new pods with at most eight calls at once, and a waiting connection before the rest', async () => {
    const scene = new Scene();
    scene.mode = 'fails';
    for (let pod = 0; pod < 1_000; pod++) scene.store.warm(account(`sa-${pod}`), 'warmup');
    scene.store.warm(account('urgent'), 'realtime');
    expect(scene.calls).toHaveLength(8);
    await scene.advance(0);
    expect(scene.mostRunning).toBe(8);
    expect(scene.calls.indexOf('urgent')).toBe(8);
    expect(new Set(scene.calls).size).toBe(1_001);
  });

  it('renews at half of the validity with a new key', async () => {
    const scene = new Scene();
    scene.store.warm(PAYMENT);
    await scene.advance(0);
    const first = scene.store.get(PAYMENT);
    await scene.advance(12 * HOUR_MS - 1);
    expect(scene.calls).toHaveLength(1);
    await scene.advance(1);
    const second = scene.store.get(PAYMENT);
    expect(second?.generation).toBe(2);
    expect(second?.privateKeyPem).not.toBe(first?.privateKeyPem);
    expect(scene.kinds()).toEqual(['certificate', 'certificate']);
  });

  it('renews certificates of long life, beyond what one timer holds', async () => {
    const scene = new Scene();
    scene.lifeMs = 40 * 24 * HOUR_MS;
    scene.store.warm(PAYMENT);
    await scene.advance(0);
    await scene.advance(20 * 24 * HOUR_MS);
    expect(scene.calls).toHaveLength(2);
  });

  it('spreads the renewals of pods that started together, only ever earlier', async () => {
    const scene = new Scene();
    scene.random = 0.999;
    scene.store.warm(PAYMENT);
    await scene.advance(0);
    const state = scene.store.state(PAYMENT);
    const renewAt = state?.phase === 'available' ? state.renewAt - START : Number.NaN;
    expect(renewAt).toBeGreaterThan(0.45 * 24 * HOUR_MS);
    expect(renewAt).toBeLessThan(0.451 * 24 * HOUR_MS);
  });

  it('keeps a valid certificate while the CA is away, says so, and renews when it is back', async () => {
    const scene = new Scene();
    scene.store.warm(PAYMENT);
    await scene.advance(0);
    scene.mode = 'fails';
    await scene.advance(12 * HOUR_MS);
    expect(scene.store.get(PAYMENT)?.generation).toBe(1);
    expect(scene.events.at(-1)).toMatchObject({
      kind: 'failed',
      failure: { code: 'AMBIT_CA_UNAVAILABLE', count: 1 },
      validUntil: START + 24 * HOUR_MS,
    });
    scene.mode = 'answers';
    await scene.advance(1_000);
    expect(scene.store.get(PAYMENT)?.generation).toBe(2);
    expect(scene.store.state(PAYMENT)).not.toHaveProperty('failure');
  });

  it('says that an identity expired when the CA stays away, and recovers by itself', async () => {
    const scene = new Scene();
    scene.store.warm(PAYMENT);
    await scene.advance(0);
    scene.mode = 'fails';
    for (let quarter = 0; quarter < 100; quarter++) await scene.advance(15 * MINUTE_MS);
    expect(scene.store.state(PAYMENT)?.phase).toBe('expired');
    expect(scene.store.get(PAYMENT)).toBeUndefined();
    expect(scene.kinds().filter((kind) => kind === 'expired')).toHaveLength(1);
    const waiting = scene.store.obtain(PAYMENT, { timeoutMs: 100 }).catch((error: unknown) => error);
    await scene.advance(100);
    expect(await waiting).toMatchObject({
      code: 'AMBIT_IDENTITY_UNAVAILABLE',
      message: expect.stringMatching(/no unexpired certificate .*the last of \d+ attempts: the CA is away/) as string,
    });
    scene.mode = 'answers';
    await scene.advance(150_000);
    expect(scene.store.state(PAYMENT)?.phase).toBe('available');
  });

  it.each<[string, (issued: IssuedChain) => IssuedChain]>([
    ['garbage', (issued) => ({ ...issued, chainPem: ['garbage', 'garbage'] })],
    [
      'a certificate that does not chain to its roots',
      (issued) => ({ ...issued, chainPem: [issued.chainPem[0] ?? '', secondRoot.rootPem] }),
    ],
  ])('keeps its certificate when the CA answers with %s', async (_, alter) => {
    const scene = new Scene();
    scene.store.warm(PAYMENT);
    await scene.advance(0);
    scene.alter = alter;
    await scene.advance(12 * HOUR_MS);
    expect(scene.store.get(PAYMENT)?.generation).toBe(1);
    expect(scene.events.at(-1)).toMatchObject({ kind: 'failed', failure: { code: 'AMBIT_CERTIFICATE' } });
  });

  it('retries with growing delays', async () => {
    const scene = new Scene();
    scene.mode = 'fails';
    scene.random = 0.5;
    scene.store.warm(PAYMENT);
    await scene.advance(0);
    const delays: number[] = [];
    for (let attempt = 0; attempt < 5; attempt++) {
      const last = scene.events.at(-1);
      const delay = last?.kind === 'failed' ? last.retryInMs : Number.NaN;
      delays.push(delay);
      await scene.advance(delay);
    }
    expect(delays).toEqual([750, 1_500, 3_000, 6_000, 12_000]);
    expect(scene.calls).toHaveLength(6);
  });

  it('brings a retry forward when a connection waits, but not at every connection', async () => {
    const scene = new Scene();
    scene.mode = 'fails';
    scene.store.warm(PAYMENT);
    await scene.advance(0);
    for (let attempt = 0; attempt < 12; attempt++) {
      const last = scene.events.at(-1);
      await scene.advance(last?.kind === 'failed' ? last.retryInMs : Number.NaN);
    }
    const calls = scene.calls.length;
    scene.mode = 'answers';
    await scene.advance(5_000);
    expect(scene.calls).toHaveLength(calls);
    const waits = [
      scene.store.obtain(PAYMENT, { timeoutMs: 5_000 }),
      scene.store.obtain(PAYMENT, { timeoutMs: 5_000 }),
    ];
    await scene.advance(1_000);
    expect((await Promise.all(waits)).map((certificate) => certificate.generation)).toEqual([1, 1]);
    expect(scene.calls).toHaveLength(calls + 1);
  });

  it('gives up on a CA that does not answer, and asks again', async () => {
    const scene = new Scene();
    scene.mode = 'hangs';
    scene.store.warm(PAYMENT);
    await scene.advance(0);
    await scene.advance(15_000);
    await setImmediate();
    expect(scene.events.at(-1)).toMatchObject({ kind: 'failed', failure: { code: 'AMBIT_CA_TIMEOUT' } });
    scene.mode = 'answers';
    await scene.advance(1_000);
    expect(scene.kinds().at(-1)).toBe('certificate');
  });

  it('forgets an identity with its key, even while it is fetched', async () => {
    const scene = new Scene();
    scene.store.warm(PAYMENT);
    await scene.advance(0);
    scene.store.forget(PAYMENT);
    expect(scene.store.state(PAYMENT)).toBeUndefined();
    expect(new TextDecoder().decode(scene.store.exportState())).not.toContain('PRIVATE KEY');

    scene.store.warm(PAYMENT);
    const waiting = scene.store.obtain(PAYMENT, { timeoutMs: 1_000 });
    scene.store.forget(PAYMENT);
    await expect(waiting).rejects.toThrow(/no workload on this node/);
    await scene.advance(24 * HOUR_MS);
    expect(scene.kinds()).toEqual(['certificate', 'forgotten', 'forgotten']);
    expect(scene.store.identities()).toEqual([]);
  });

  it('learns new roots for all identities soon after one of them, not after half a day', async () => {
    const scene = new Scene();
    scene.store.warm(PAYMENT);
    await scene.advance(0);
    await scene.advance(HOUR_MS);
    scene.authority = () => secondRoot;
    scene.random = 0.5;
    scene.store.warm(account('orders'));
    await scene.advance(0);
    expect(scene.store.get(PAYMENT)?.rootsPem).toBe(firstRoot.rootPem);
    await scene.advance(30_000);
    expect(scene.store.get(PAYMENT)?.rootsPem).toBe(secondRoot.rootPem);
    await scene.advance(MINUTE_MS);
    expect(scene.calls).toEqual(['payment', 'orders', 'payment']);
  });

  it('learns of a root that is published before it hears of it from the CA, and asks once', async () => {
    const scene = new Scene();
    scene.store.warm(PAYMENT);
    scene.store.warm(account('orders'));
    await scene.advance(0);
    scene.store.expectRoot(`\n${firstRoot.rootPem}`);
    await scene.advance(MINUTE_MS);
    expect(scene.calls).toHaveLength(2);
    scene.alter = (issued) => ({
      ...issued,
      chainPem: [...issued.chainPem.slice(0, -1), secondRoot.rootPem + firstRoot.rootPem],
    });
    scene.store.expectRoot(secondRoot.rootPem);
    await scene.advance(MINUTE_MS);
    expect(scene.calls.sort()).toEqual(['orders', 'orders', 'payment', 'payment']);
    scene.store.expectRoot(secondRoot.rootPem);
    await scene.advance(MINUTE_MS);
    expect(scene.calls).toHaveLength(4);
  });

  it('does not chase two CA replicas that give different roots in turn', async () => {
    const scene = new Scene();
    for (const name of ['a', 'b', 'c']) scene.store.warm(account(name));
    await scene.advance(0);
    let turn = 0;
    scene.authority = () => (turn++ % 2 === 0 ? secondRoot : firstRoot);
    scene.store.warm(account('d'));
    for (let minute = 0; minute < 60; minute++) await scene.advance(MINUTE_MS);
    expect(scene.calls).toHaveLength(7);
  });

  it('does not ask again and again for certificates that are near their end', async () => {
    const scene = new Scene();
    scene.lifeMs = 2_000;
    scene.store.warm(PAYMENT);
    await scene.advance(0);
    for (let tenth = 0; tenth < 100; tenth++) await scene.advance(100);
    expect(scene.calls.length).toBeLessThanOrEqual(11);
  });

  it('renews, but does not expire, when the wall clock jumps ahead', async () => {
    const scene = new Scene();
    scene.store.warm(PAYMENT);
    await scene.advance(0);
    scene.mode = 'fails';
    const wallTime = scene.clock.wallTime.bind(scene.clock);
    scene.clock.wallTime = () => wallTime() + 48 * HOUR_MS;
    await scene.advance(HOUR_MS);
    expect(scene.store.get(PAYMENT)?.generation).toBe(1);
    expect(scene.calls).toHaveLength(2);
    expect(scene.kinds()).not.toContain('expired');
  });
});

describe('saved state', () => {
  it('serves restored certificates without asking the CA, generations included', async () => {
    const before = new Scene();
    for (const name of ['a', 'b']) before.store.warm(account(name));
    await before.advance(0);
    const bytes = before.store.exportState();

    const after = new Scene();
    const { certificates, dropped } = after.store.importState(bytes);
    expect(certificates).toHaveLength(2);
    expect(dropped).toEqual([]);
    expect(after.store.get(account('b'))).toEqual(before.store.get(account('b')));
    expect(after.events).toMatchObject([{ restored: true }, { restored: true }]);
    after.store.warm(account('a'));
    await after.advance(11 * HOUR_MS);
    expect(after.calls).toEqual([]);
    await after.advance(HOUR_MS);
    expect(after.calls.toSorted()).toEqual(['a', 'b']);
    expect(after.store.get(account('a'))?.generation).toBeGreaterThan(2);
  });

  it('leaves out what is expired or damaged', async () => {
    const before = new Scene();
    before.store.warm(PAYMENT);
    await before.advance(0);
    before.lifeMs = 48 * HOUR_MS;
    before.store.warm(account('orders'));
    await before.advance(0);
    const bytes = before.store.exportState();

    const after = new Scene();
    after.clock.advance(25 * HOUR_MS);
    const result = after.store.importState(bytes);
    expect(result.certificates.map(({ identity }) => identity)).toEqual([account('orders')]);
    expect(result.dropped).toHaveLength(1);
    expect(result.dropped[0]?.identity).toBe(formatSpiffeId(PAYMENT));
    expect(result.dropped[0]?.reason).toMatch(/expired/);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', 'x'],
    ['another version', '{"version":2,"certificates":[]}'],
    ['entries without fields', '{"version":1,"certificates":[{}]}'],
    ['a list', '[]'],
  ])('starts empty with %s', (_, text) => {
    const scene = new Scene();
    const result = scene.store.importState(new TextEncoder().encode(text));
    expect(result.certificates).toEqual([]);
    expect(result.dropped).toHaveLength(1);
  });
});
