import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { requireSpiffeId } from '@ambit/core/spiffe';
import type { IssuedChain } from './certificate.ts';
import { type CheckedChain, checkChain } from './certificate-chain.ts';
import { TestAuthority, type TestCertificate, type TestIssueOptions } from './test-authority.ts';

const URI = 'spiffe://cluster.local/ns/shop/sa/payment';
const PAYMENT = requireSpiffeId(URI);
const NOW = Date.now();
const MINUTE_MS = 60_000;

let root: TestAuthority;
let lower: TestAuthority;
let good: TestCertificate;

beforeAll(async () => {
  root = await TestAuthority.create();
  lower = await (await root.intermediate({ name: 'upper' })).intermediate({ name: 'lower' });
  good = await lower.issue(URI);
});

function check(issued: Partial<IssuedChain>, now = NOW): CheckedChain {
  const chainPem = [good.leafPem, ...lower.intermediatePems, root.rootPem];
  return checkChain(PAYMENT, { privateKeyPem: good.privateKeyPem, chainPem, ...issued }, now);
}

async function checkIssued(spiffe: string | undefined, options: TestIssueOptions, by = root): Promise<CheckedChain> {
  const issued = await by.issue(spiffe, options);
  return check({
    privateKeyPem: issued.privateKeyPem,
    chainPem: [issued.leafPem, ...by.intermediatePems, by.rootPem],
  });
}

describe('checkChain', () => {
  it('takes a leaf with intermediates in order and says how long it holds', () => {
    const checked = check({});
    expect(checked.certificateChainPem).toBe(good.certificateChainPem);
    expect(checked.rootsPem).toBe(root.rootPem);
    expect(checked.notBefore).toBe(good.notBefore.getTime());
    expect(checked.notAfter).toBe(good.notAfter.getTime());
    expect(checked.serialNumber).toMatch(/^[0-9A-F]+$/);
  });

  it('takes a bundle of several roots, as while roots are rotated', async () => {
    const next = await TestAuthority.create({ name: 'next root' });
    const chainPem = [good.leafPem, ...lower.intermediatePems, `# comment\n${next.rootPem}\n${root.rootPem}`];
    expect(check({ chainPem }).rootsPem).toBe(next.rootPem + root.rootPem);
  });

  it('does not send the root to peers when the CA repeats it', () => {
    const chainPem = [good.leafPem, ...lower.intermediatePems, root.rootPem, root.rootPem];
    expect(check({ chainPem }).certificateChainPem).toBe(good.certificateChainPem);
  });

  it.each<[string, () => Partial<IssuedChain>, RegExp]>([
    ['an empty chain', () => ({ chainPem: [] }), /0 elements/],
    ['a leaf without root', () => ({ chainPem: [good.leafPem] }), /1 elements/],
    ['text that is no PEM', () => ({ chainPem: ['hello', root.rootPem] }), /no PEM certificate/],
    ['PEM that is no certificate', () => ({ chainPem: [good.privateKeyPem, root.rootPem] }), /no PEM certificate/],
    ['a cut certificate', () => ({ chainPem: [good.leafPem.replace(/\n.{64}\n/, '\n'), root.rootPem] }), /refused/],
    ['roots that are garbage', () => ({ chainPem: [good.leafPem, 'none'] }), /no PEM certificate/],
    ['an enormous chain', () => ({ chainPem: [good.leafPem.repeat(2_000), root.rootPem] }), /too long/],
    ['a chain of many certificates', () => ({ chainPem: [good.leafPem.repeat(11), root.rootPem] }), /11 certificates/],
    [
      'intermediates in the wrong order',
      () => ({ chainPem: [good.leafPem, ...lower.intermediatePems.toReversed(), root.rootPem] }),
      /leaf is not issued by the certificate that follows/,
    ],
    [
      'a leaf that is not first',
      () => ({ chainPem: [...lower.intermediatePems, good.leafPem, root.rootPem] }),
      /another key \(is the chain out of order\?\)/,
    ],
    [
      'a missing intermediate',
      () => ({ chainPem: [good.leafPem, lower.intermediatePems[0] ?? '', root.rootPem] }),
      /does not end at any of the roots/,
    ],
    [
      'an intermediate in the place of the root',
      () => ({ chainPem: [good.leafPem, ...lower.intermediatePems] }),
      /no self-signed CA/,
    ],
  ])('refuses %s', (_, issued, reason) => {
    expect(() => check(issued())).toThrow(expect.objectContaining({ code: 'AMBIT_CERTIFICATE' }));
    expect(() => check(issued())).toThrow(reason);
  });

  it('refuses a certificate for a key that is not ours', async () => {
    const other = await lower.issue(URI);
    expect(() => check({ privateKeyPem: other.privateKeyPem })).toThrow(/another key/);
  });

  it('refuses a chain to a root of the same name with another key', async () => {
    const imposter = await TestAuthority.create();
    expect(() => check({ chainPem: [good.leafPem, ...lower.intermediatePems, imposter.rootPem] })).toThrow(
      /does not end at any/,
    );
  });

  it('refuses a leaf whose signature was tampered with', () => {
    const der = Buffer.from(new X509Certificate(good.leafPem).raw);
    der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
    const leafPem = `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
    expect(() => check({ chainPem: [leafPem, ...lower.intermediatePems, root.rootPem] })).toThrow(/leaf is not issued/);
  });

  it.each([
    ['another identity', 'spiffe://cluster.local/ns/shop/sa/orders', {}],
    ['another trust domain', 'spiffe://other.local/ns/shop/sa/payment', {}],
    ['a trailing slash', `${URI}/`, {}],
    ['upper case', 'spiffe://cluster.local/ns/shop/sa/Payment', {}],
    ['a percent escape', 'spiffe://cluster.local/ns/shop/sa/%70ayment', {}],
    ['a second identity', URI, { uris: ['spiffe://cluster.local/ns/shop/sa/orders'] }],
    ['a DNS name beside it', URI, { dnsNames: ['payment.shop'] }],
    ['no name at all', undefined, {}],
  ])('refuses a leaf with %s', async (_, spiffe, options) => {
    await expect(checkIssued(spiffe, options)).rejects.toThrow(/its names are/);
  });

  it('refuses a leaf for one side of TLS only', async () => {
    await expect(checkIssued(URI, { usages: ['clientAuth'] })).rejects.toThrow(/extended key usage/);
  });

  it('refuses an expired leaf, and one from further in the future than clocks differ', async () => {
    const at = (ms: number): Date => new Date(NOW + ms);
    await expect(checkIssued(URI, { notAfter: at(-1_000) })).rejects.toThrow(/the leaf expired at/);
    await expect(checkIssued(URI, { notBefore: at(2 * MINUTE_MS) })).rejects.toThrow(/not valid before .* clock/);
    await expect(checkIssued(URI, { notBefore: at(MINUTE_MS / 2) })).resolves.toBeDefined();
  });

  it('refuses a chain through an expired intermediate or root', async () => {
    const past = { notBefore: new Date(NOW - 2 * MINUTE_MS), notAfter: new Date(NOW - MINUTE_MS) };
    await expect(checkIssued(URI, {}, await root.intermediate(past))).rejects.toThrow(/intermediate 1 expired/);
    await expect(checkIssued(URI, {}, await TestAuthority.create(past))).rejects.toThrow(/self-signed CA .* valid now/);
  });
});
