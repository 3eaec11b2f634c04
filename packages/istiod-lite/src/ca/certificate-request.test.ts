import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { createCertificateRequest } from '@ambit/identity/csr';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCertificateRequest } from './certificate-request.ts';

const URI = 'spiffe://cluster.local/ns/shop/sa/cart';
const SAN = new x509.SubjectAlternativeNameExtension([{ type: 'url', value: URI }], true);

interface Shape {
  algorithm?: webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams;
  hash?: string;
  name?: string;
  extensions?: x509.Extension[];
  attributes?: x509.Attribute[];
}

async function request(shape: Shape = {}): Promise<string> {
  const { algorithm = { name: 'ECDSA', namedCurve: 'P-256' }, hash = 'SHA-256', extensions = [SAN], ...rest } = shape;
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: { name: algorithm.name, hash },
    extensions,
    ...rest,
  });
  return csr.toString('pem');
}

describe('readCertificateRequest', () => {
  it('takes what the node proxies send', async () => {
    const identity = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'cart' };
    const { csrPem } = await createCertificateRequest(identity);
    expect((await readCertificateRequest(csrPem)).identity).toEqual(identity);
    const usages = [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth]),
      new x509.BasicConstraintsExtension(false),
    ];
    await expect(readCertificateRequest(await request({ extensions: [SAN, ...usages] }))).resolves.toBeDefined();
    await expect(
      readCertificateRequest(await request({ algorithm: { name: 'ECDSA', namedCurve: 'P-384' }, hash: 'SHA-384' })),
    ).resolves.toBeDefined();
  });

  const names = (...list: x509.JsonGeneralName[]): Shape => ({
    extensions: [new x509.SubjectAlternativeNameExtension(list)],
  });
  const uri = (value: string): x509.JsonGeneralName => ({ type: 'url', value });
  it.each<[string, Shape, RegExp]>([
    [
      'an RSA key',
      {
        algorithm: {
          name: 'RSASSA-PKCS1-v1_5',
          modulusLength: 1_024,
          publicExponent: Uint8Array.of(1, 0, 1),
          hash: 'SHA-256',
        },
      },
      /key/,
    ],
    ['a curve out of use', { algorithm: { name: 'ECDSA', namedCurve: 'P-521' }, hash: 'SHA-512' }, /key/],
    ['SHA-1', { hash: 'SHA-1' }, /SHA-2/],
    ['a common name', { name: 'CN=admin' }, /subject/],
    ['an organisation', { name: 'O=system:masters' }, /subject/],
    ['no name', { extensions: [] }, /exactly one name/],
    ['two identities', names(uri(URI), uri('spiffe://cluster.local/ns/shop/sa/admin')), /exactly one name/],
    ['a DNS name beside', names(uri(URI), { type: 'dns', value: 'istiod.istio-system.svc' }), /exactly one name/],
    ['a DNS name alone', names({ type: 'dns', value: 'istiod.istio-system.svc' }), /exactly one name/],
    ['two lists of names', { extensions: [SAN, SAN] }, /exactly one name/],
    ['another scheme', names(uri('https://cluster.local/ns/shop/sa/cart')), /SPIFFE/],
    ['an identity with a detour', names(uri('spiffe://cluster.local/ns/shop/sa/cart/..')), /SPIFFE/],
    ['the power of an authority', { extensions: [SAN, new x509.BasicConstraintsExtension(true)] }, /power/],
    [
      'the usage of an authority',
      { extensions: [SAN, new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign)] },
      /power/,
    ],
    [
      'code signing',
      { extensions: [SAN, new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.codeSigning])] },
      /usages/,
    ],
    [
      'an unknown extension',
      { extensions: [SAN, new x509.Extension('1.2.3.4', false, new Uint8Array([5, 0]))] },
      /1\.2\.3\.4/,
    ],
    ['a challenge password', { attributes: [new x509.ChallengePasswordAttribute('x')] }, /attributes/],
  ])('refuses %s', async (_name, shape, reason) => {
    const pem = await request(shape);
    await expect(readCertificateRequest(pem)).rejects.toThrow(reason);
  });

  it('refuses a request signed by another key', async () => {
    const pem = await request();
    const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
    der[der.length - 5] = (der[der.length - 5] ?? 0) ^ 0xff;
    const broken = x509.PemConverter.encode(der, 'CERTIFICATE REQUEST');
    await expect(readCertificateRequest(broken)).rejects.toThrow(/signature|parsed/);
  });

  it('refuses what is too large, no PEM, more than one block, or a certificate', async () => {
    const pem = await request();
    for (const text of [
      pem + '\n'.repeat(20_000),
      '',
      'x',
      pem + pem,
      pem.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'),
      `x${pem}`,
    ]) {
      await expect(readCertificateRequest(text)).rejects.toThrow(/refused/);
    }
  });

  it('refuses any damage to what is signed in an orderly way', async () => {
    const pem = await request();
    const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
    const { identity, publicKey } = await readCertificateRequest(pem);
    const outcome = async (damaged: Buffer): Promise<unknown> =>
      await readCertificateRequest(x509.PemConverter.encode(damaged, 'CERTIFICATE REQUEST')).then(
        (read) => ({ identity: read.identity, key: Buffer.from(read.publicKey.rawData) }),
        (error: unknown) => (error as { code?: string }).code,
      );
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: der.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const damaged = Buffer.from(der);
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        // A signature has several encodings; whatever is taken must say what was signed.
        expect(['AMBIT_CSR_REFUSED', { identity, key: Buffer.from(publicKey.rawData) }]).toContainEqual(
          await outcome(damaged),
        );
        expect(await outcome(der.subarray(0, at))).toBe('AMBIT_CSR_REFUSED');
      }),
      { numRuns: 200 },
    );
  });
});
