import 'reflect-metadata';
import { createPrivateKey, KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { systemClock } from '@ambit/core/clock';
import { createCertificateRequest } from '@ambit/identity/csr';
import { TestAuthority } from '@ambit/identity/test-authority';
import * as x509 from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import { CertificateAuthority, createRoot } from './authority.ts';
import { readCertificateRequest } from './certificate-request.ts';
import type { AuthorityMaterial } from './signing-key.ts';

const CART = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'cart' };
const LIFETIMES = { defaultTtl: 3_600_000, maxTtl: 7_200_000 };

async function issued(authority: CertificateAuthority, ttl?: number): Promise<X509Certificate[]> {
  const { csrPem } = await createCertificateRequest(CART);
  const { chain } = await authority.issue(await readCertificateRequest(csrPem), ttl);
  return chain.map((pem) => new X509Certificate(pem));
}

const load = (material: AuthorityMaterial): Promise<CertificateAuthority> =>
  CertificateAuthority.load(material, LIFETIMES, systemClock);

describe('CertificateAuthority', () => {
  it('issues a leaf that only names the identity and leads to the root', async () => {
    const authority = await load(await createRoot('cluster.local', Date.now()));
    const [leaf, root] = await issued(authority);
    expect(leaf?.subjectAltName).toBe('URI:spiffe://cluster.local/ns/shop/sa/cart');
    expect(leaf?.subject ?? '').toBe('');
    expect(leaf?.ca).toBe(false);
    expect(leaf?.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(root?.ca).toBe(true);
    expect(leaf !== undefined && root !== undefined && leaf.checkIssued(root) && leaf.verify(root.publicKey)).toBe(
      true,
    );
    expect(leaf?.validFromDate.getTime()).toBeLessThan(Date.now() - 50_000);
  });

  it.each([
    ['the default when nothing is asked', undefined, 3_600],
    ['what is asked', 20_000, 20],
    ['at most the longest', 999_999_999, 7_200],
    ['at least the shortest', 1, 10],
  ])('gives %s', async (_name, ttl, seconds) => {
    const [leaf] = await issued(await load(await createRoot('cluster.local', Date.now())), ttl);
    const left = ((leaf?.validToDate.getTime() ?? 0) - Date.now()) / 1_000;
    expect(left).toBeGreaterThan(seconds - 3);
    expect(left).toBeLessThanOrEqual(seconds);
  });

  it.each([20_000, 600_000, 7_200_000])(
    'leaves half of the validity of a certificate of %d ms to come',
    async (ttl) => {
      const [leaf] = await issued(await load(await createRoot('cluster.local', Date.now())), ttl);
      const [from, to] = [leaf?.validFromDate.getTime() ?? 0, leaf?.validToDate.getTime() ?? 0];
      expect((from + to) / 2 - Date.now()).toBeGreaterThan(ttl * 0.4 - 1_000);
    },
  );

  it('never outlives its own certificate', async () => {
    const root = await createRoot('cluster.local', Date.now() - 315_360_000_000 + 60_000);
    const [leaf, parent] = await issued(await load(root));
    expect(leaf?.validToDate).toEqual(parent?.validToDate);
  });

  it('keeps its root over a restart', async () => {
    const material = await createRoot('cluster.local', Date.now());
    const [first, second] = [await load(material), await load(material)];
    const [leaf] = await issued(second);
    expect(second.rootsPem).toBe(first.rootsPem);
    expect(leaf?.verify(new X509Certificate(first.rootsPem).publicKey)).toBe(true);
  });

  it('names its server by DNS names and addresses', async () => {
    const authority = await load(await createRoot('cluster.local', Date.now()));
    const server = await authority.issueServer(['istiod.istio-system.svc', '10.0.0.1', '::1'], CART, 60_000);
    const leaf = new X509Certificate(server.chainPem);
    expect(leaf.checkHost('istiod.istio-system.svc')).toBeDefined();
    expect(leaf.checkIP('10.0.0.1')).toBeDefined();
    expect(leaf.checkPrivateKey(createPrivateKey(server.privateKeyPem))).toBe(true);
  });
});

/** An intermediate under an RSA root, as an operator would plug it in. */
async function plugged(): Promise<AuthorityMaterial> {
  const rsa = {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 2_048,
    publicExponent: Uint8Array.of(1, 0, 1),
    hash: 'SHA-256',
  };
  const rootKeys = await webcrypto.subtle.generateKey(rsa, true, ['sign', 'verify']);
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify']);
  const common = {
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_000_000),
    signingAlgorithm: rsa,
  };
  const ca = new x509.BasicConstraintsExtension(true, undefined, true);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=root',
    keys: rootKeys,
    extensions: [ca],
    ...common,
  });
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=intermediate',
    issuer: root.subject,
    signingKey: rootKeys.privateKey,
    publicKey: keys.publicKey,
    extensions: [ca],
    ...common,
  });
  const sec1 = KeyObject.from(keys.privateKey).export({ type: 'sec1', format: 'pem' });
  const [certificatePem, rootsPem] = [certificate.toString('pem'), root.toString('pem')];
  return { certificatePem, privateKeyPem: sec1, chainPem: certificatePem, rootsPem };
}

describe('a plugged-in authority', () => {
  it('sends the intermediate between leaf and root', async () => {
    const authority = await load(await plugged());
    const [leaf, intermediate, root, ...more] = await issued(authority, 7_000_000);
    expect(more).toEqual([]);
    expect([intermediate?.subject, root?.subject]).toEqual(['CN=intermediate', 'CN=root']);
    expect(leaf !== undefined && intermediate !== undefined && leaf.verify(intermediate.publicKey)).toBe(true);
    expect(leaf?.validToDate).toEqual(root?.validToDate);
  });

  it('refuses a key of another certificate, an end entity, an expired one, and a chain that leads nowhere', async () => {
    const material = await plugged();
    const other = await createRoot('other', Date.now());
    await expect(load({ ...material, privateKeyPem: other.privateKeyPem })).rejects.toThrow(/not the key/);
    await expect(load({ ...material, rootsPem: other.rootsPem })).rejects.toThrow(/has signed/);
    await expect(load({ ...material, rootsPem: '' })).rejects.toThrow(/no certificate/);
    await expect(load({ ...material, privateKeyPem: 'x' })).rejects.toThrow(/ca-key.pem cannot be parsed/);
    await expect(load(await createRoot('old', Date.now() - 400_000_000_000))).rejects.toThrow(/expired/);
    const { leafPem, privateKeyPem, rootsPem } = await (await TestAuthority.create()).issue('spiffe://td/ns/a/sa/b');
    const endEntity = { certificatePem: leafPem, privateKeyPem, chainPem: '', rootsPem };
    await expect(load(endEntity)).rejects.toThrow(/may not sign/);
  });
});
