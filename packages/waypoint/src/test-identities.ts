import { type TestIdentity, testCertificate } from '@ambit/native/test-certificates';
import { createTlsContext, type TlsContext } from '@ambit/native/tls-context';

export const root: TestIdentity = testCertificate({ authority: true });

/** A certificate for one identity. */
export function leaf(uri: string): TestIdentity {
  return testCertificate({ issuer: root, uris: [uri] });
}

export function context(side: 'client' | 'server', identity: TestIdentity): TlsContext {
  return createTlsContext({
    side,
    certificateChainPem: identity.certificatePem,
    privateKeyPem: identity.privateKeyPem,
    rootsPem: root.certificatePem,
  });
}
