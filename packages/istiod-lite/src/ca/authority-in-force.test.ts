import { X509Certificate } from 'node:crypto';
import { ManualClock } from '@ambit/core/clock';
import { createLogger } from '@ambit/core/log';
import { createCertificateRequest } from '@ambit/identity/csr';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HANDOVER_PART } from '../limits.ts';
import { createRoot, renewRoot } from './authority.ts';
import { type AuthorityChange, AuthorityInForce, type SavedHandover } from './authority-in-force.ts';
import { type CertificateRequest, readCertificateRequest } from './certificate-request.ts';
import type { AuthorityMaterial } from './signing-key.ts';

const CART = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'cart' };
const HOUR_MS = 3_600_000;
const TTL = 24 * HOUR_MS;
/** Whole seconds, as in certificates. */
const START = Math.floor(Date.now() / 1_000) * 1_000;

/** What a proxy holds: its leaf, and what it trusts. */
interface Held {
  readonly leaf: X509Certificate;
  readonly roots: readonly X509Certificate[];
  readonly renewAt: number;
}

describe('the authority in force', () => {
  let request: CertificateRequest;
  let first: AuthorityMaterial;
  let second: AuthorityMaterial;
  let clock: ManualClock;
  let authority: AuthorityInForce;
  let changes: AuthorityChange[];

  beforeAll(async () => {
    const { csrPem } = await createCertificateRequest(CART);
    request = await readCertificateRequest(csrPem);
    [first, second] = [await createRoot('first', START), await createRoot('second', START)];
  });

  const open = async (material: AuthorityMaterial, saved?: SavedHandover): Promise<void> => {
    const lifetimes = { defaultTtl: TTL, maxTtl: 90 * TTL };
    authority = await AuthorityInForce.open(
      material,
      { lifetimes, clock, log: createLogger('t', { level: 'silent' }) },
      saved,
    );
    changes = [];
    authority.onChange = (change) => changes.push(change);
  };
  beforeEach(async () => {
    clock = new ManualClock(START);
    await open(first);
  });

  const held = async (): Promise<Held> => {
    const { chain } = await authority.issue(request, undefined);
    const roots = (chain.at(-1) ?? '').split(/(?<=-----END CERTIFICATE-----\n)/).filter((pem) => pem !== '');
    return {
      leaf: new X509Certificate(chain[0] ?? ''),
      roots: roots.map((pem) => new X509Certificate(pem)),
      renewAt: clock.wallTime() + TTL / 2,
    };
  };
  const signer = async (): Promise<'first' | 'second'> => {
    const { leaf } = await held();
    return leaf.verify(new X509Certificate(first.rootsPem).publicKey) ? 'first' : 'second';
  };
  const believes = (one: Held, other: Held): boolean =>
    one.roots.some((root) => other.leaf.checkIssued(root) && other.leaf.verify(root.publicKey));
  const trusted = (): number => authority.rootCount;

  it('hands over to a new root so that no proxy ever meets a peer that it does not believe', async () => {
    const proxies: Held[] = [];
    for (let index = 0; index < 8; index += 1) proxies.push({ ...(await held()), renewAt: START + (index * TTL) / 16 });
    for (let hour = 0; hour < 80; hour += 1) {
      if (hour === 2) await authority.take(second);
      for (const [index, proxy] of proxies.entries()) {
        if (proxy.renewAt <= clock.wallTime()) proxies[index] = await held();
      }
      for (const one of proxies) for (const other of proxies) expect(believes(one, other), `hour ${hour}`).toBe(true);
      clock.advance(HOUR_MS);
    }
    expect(await signer()).toBe('second');
    expect(trusted()).toBe(1);
    expect(authority.save()).toBeUndefined();
  });

  it('trusts a new root at once, signs under it later, and gives up the old one when nothing of it is left', async () => {
    expect(await authority.take(second)).toBe(true);
    expect(changes).toEqual([{ roots: true, signing: false }]);
    expect([await signer(), trusted()]).toEqual(['first', 2]);
    expect(authority.handoverAt).toBe(START + TTL * HANDOVER_PART);
    clock.advance(TTL * HANDOVER_PART);
    expect([await signer(), trusted()]).toEqual(['second', 2]);
    expect(changes.slice(1)).toEqual([{ roots: false, signing: true }]);
    clock.advance(TTL - HOUR_MS);
    expect(trusted()).toBe(2);
    clock.advance(HOUR_MS);
    expect(trusted()).toBe(1);
    expect(changes.slice(2)).toEqual([{ roots: true, signing: false }]);
    expect(await authority.take(second)).toBe(false);
  });

  it('goes on with a handover over a restart, in both of its parts', async () => {
    await authority.take(second);
    clock.advance(HOUR_MS);
    const restart = (): Promise<void> => open(second, JSON.parse(JSON.stringify(authority.save())) as SavedHandover);
    await restart();
    expect([await signer(), trusted(), authority.handoverAt]).toEqual(['first', 2, START + TTL * HANDOVER_PART]);
    clock.advance(TTL * HANDOVER_PART);
    await restart();
    expect([await signer(), trusted()]).toEqual(['second', 2]);
    clock.advance(TTL);
    expect(trusted()).toBe(1);
  });

  it('is not led by what is left of another handover', async () => {
    await authority.take(second);
    const saved = authority.save();
    await open(await createRoot('third', START), saved);
    expect(authority.handoverAt).toBeUndefined();
  });

  it('signs at once with another certificate of the same root', async () => {
    const renewed = await renewRoot(first, START);
    expect(renewed.certificatePem).not.toBe(first.certificatePem);
    const before = await held();
    await authority.take(renewed);
    expect(authority.handoverAt).toBeUndefined();
    const after = await held();
    expect(believes(before, after) && believes(after, before)).toBe(true);
    // Who has only one of the two certificates believes both.
    const of = ({ rootsPem }: AuthorityMaterial): Held => ({ ...after, roots: [new X509Certificate(rootsPem)] });
    expect([of(first), of(renewed)].map((one) => believes(one, before) && believes(one, after))).toEqual([true, true]);
  });

  it('follows the three steps by hand that Istio asks for, each at once', async () => {
    await authority.take({ ...first, rootsPem: first.rootsPem + second.rootsPem });
    expect([await signer(), trusted(), authority.handoverAt]).toEqual(['first', 2, undefined]);
    clock.advance(TTL);
    await authority.take({ ...second, rootsPem: first.rootsPem + second.rootsPem });
    expect([await signer(), authority.handoverAt]).toEqual(['second', undefined]);
    // Too early: what was signed under the first root is believed until it has expired.
    await authority.take(second);
    expect([await signer(), trusted(), authority.handoverAt]).toEqual(['second', 2, undefined]);
    clock.advance(TTL);
    expect(trusted()).toBe(1);
  });

  it('does not keep a root for which it never signed', async () => {
    await authority.take({ ...first, rootsPem: first.rootsPem + second.rootsPem });
    await authority.take(first);
    expect(trusted()).toBe(1);
  });

  it('hands over at once when it is told to, also in the middle', async () => {
    await authority.take(second);
    await authority.take(second, { atOnce: true });
    expect([await signer(), trusted(), authority.handoverAt]).toEqual(['second', 1, undefined]);
    expect(authority.save()).toBeUndefined();
    await authority.take(first, { atOnce: true });
    expect([await signer(), trusted()]).toEqual(['first', 1]);
  });

  it('does not wait for longer than the old authority can sign', async () => {
    const old = await createRoot('old', START - 315_360_000_000 + TTL);
    await open(old);
    await authority.take(second);
    expect(authority.handoverAt).toBe(START + TTL - TTL * HANDOVER_PART);
  });

  it.each([
    ['another key', () => ({ ...second, privateKeyPem: first.privateKeyPem }), 'not the key of ca-cert.pem'],
    ['no root', () => ({ ...second, rootsPem: '' }), 'root-cert.pem holds no certificate'],
    ['a chain to elsewhere', () => ({ ...second, rootsPem: first.rootsPem }), 'has signed'],
  ])('stays as it is when it is given %s', async (_name, material, reason) => {
    await expect(authority.take(material())).rejects.toMatchObject({
      code: 'AMBIT_CA_FILES',
      message: expect.stringContaining(reason) as string,
    });
    expect([await signer(), trusted(), changes]).toEqual(['first', 1, []]);
  });
});
