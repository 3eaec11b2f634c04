import 'reflect-metadata';
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import { Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from '@peculiar/x509';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCertificateRequest } from './csr.ts';
import { identifier, octets } from './der.ts';

describe('a certificate request', () => {
  it.each([1, 40, 63])('is read by others as what was meant, with names of %i characters', async (length) => {
    const identity = {
      trustDomain: 'cluster.local',
      namespace: 'n'.repeat(length),
      serviceAccount: 's'.repeat(length * 3),
    };
    const { csrPem, privateKeyPem } = await createCertificateRequest(identity);
    const request = new Pkcs10CertificateRequest(csrPem);
    expect(await request.verify(webcrypto)).toBe(true);
    expect(request.subject).toBe('');
    const extension = request.getExtension('2.5.29.17');
    const names = extension instanceof SubjectAlternativeNameExtension ? extension.names.items : [];
    expect(names.map(({ type, value }) => [type, value])).toEqual([
      ['url', `spiffe://cluster.local/ns/${identity.namespace}/sa/${identity.serviceAccount}`],
    ]);
    expect(request.extensions).toHaveLength(1);
    const key = createPublicKey(createPrivateKey(privateKeyPem));
    expect(key.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(Buffer.from(request.publicKey.rawData)).toEqual(key.export({ type: 'spki', format: 'der' }));
  });

  it('has a key of its own each time', async () => {
    const identity = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'cart' };
    const [one, other] = await Promise.all([createCertificateRequest(identity), createCertificateRequest(identity)]);
    expect(one.privateKeyPem).not.toBe(other.privateKeyPem);
  });
});

describe('DER', () => {
  it('writes identifiers as X.690 8.19 has it', () => {
    expect(identifier('1.2.840.113549').toString('hex')).toBe('06062a864886f70d');
    expect(identifier('2.5.29.17').toString('hex')).toBe('0603551d11');
  });

  it('writes the shortest length', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70_000 }), (length) => {
        const der = octets(Buffer.alloc(length));
        const head = der.length - length;
        expect(head).toBe(length < 0x80 ? 2 : length < 0x100 ? 3 : length < 0x10000 ? 4 : 5);
        if (head > 2) expect(der.readUIntBE(2, head - 2)).toBe(length);
      }),
    );
  });
});
