import { describe, expect, it } from 'vitest';
import type { Certificate } from '@ambit/identity/certificate';
import { Ledger } from '@ambit/native/ledger';
import { testCertificate } from '@ambit/native/test-certificates';
import { Credentials } from './credentials.ts';

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const root = testCertificate({ authority: true });

function certificate(generation: number): Certificate {
  const leaf = testCertificate({ issuer: root, uris: [WEB] });
  return {
    identity: { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' },
    generation,
    certificateChainPem: leaf.certificatePem,
    privateKeyPem: leaf.privateKeyPem,
    rootsPem: root.certificatePem,
    notBefore: 0,
    notAfter: 1,
    serialNumber: '1',
  };
}

describe('the credentials of a data thread', () => {
  it('leak nothing: not when they are replaced, not when the thread dies', () => {
    const ledger = new Ledger(Ledger.allocate());
    const credentials = new Credentials(ledger);
    for (let generation = 1; generation <= 5; generation++) credentials.install(certificate(generation));
    expect(credentials.client(WEB)?.generation).toBe(5);
    expect(ledger.size().objects).toBe(2);
    expect(ledger.closeAll()).toBe(2);
  });
});
