import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { TestAuthority } from './test-authority.ts';

const PAYMENT = 'spiffe://cluster.local/ns/shop/sa/payment';

describe('TestAuthority', () => {
  it('issues a leaf that chains to its root', async () => {
    const authority = await TestAuthority.create();
    const { leafPem, privateKeyPem, certificateChainPem } = await authority.issue(PAYMENT);
    const leaf = new X509Certificate(leafPem);
    const root = new X509Certificate(authority.rootPem);
    expect(leaf.subjectAltName).toBe(`URI:${PAYMENT}`);
    expect(leaf.checkIssued(root) && leaf.verify(root.publicKey)).toBe(true);
    expect(root.ca && !leaf.ca).toBe(true);
    expect(certificateChainPem).toBe(leafPem);
    expect(privateKeyPem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  });

  it('appends intermediates in order, the root excluded', async () => {
    const root = await TestAuthority.create();
    const lower = await (await root.intermediate({ name: 'upper' })).intermediate({ name: 'lower' });
    const issued = await lower.issue(PAYMENT);
    const names = issued.certificateChainPem
      .split(/(?<=-----END CERTIFICATE-----\n)/)
      .map((pem) => new X509Certificate(pem).issuer);
    expect(names).toEqual(['CN=lower', 'CN=upper', 'CN=test root']);
    expect(issued.rootsPem).toBe(root.rootPem);
  });

  it('writes validity and malformed names as told', async () => {
    const authority = await TestAuthority.create();
    const notBefore = new Date('2020-01-01T00:00:00Z');
    const notAfter = new Date('2020-01-02T00:00:00Z');
    const odd = 'SPIFFE://Cluster.Local/ns/a%20b/sa/c/';
    const leaf = new X509Certificate((await authority.issue(odd, { notBefore, notAfter, uris: [PAYMENT] })).leafPem);
    expect(leaf.subjectAltName).toBe(`URI:${odd}, URI:${PAYMENT}`);
    expect([leaf.validFromDate, leaf.validToDate]).toEqual([notBefore, notAfter]);
  });
});
