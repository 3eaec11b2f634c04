import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { formatSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import * as x509 from '@peculiar/x509';

const EC_P256: webcrypto.EcKeyGenParams = { name: 'ECDSA', namedCurve: 'P-256' };

export interface KeyAndRequest {
  /** PKCS#8. */
  readonly privateKeyPem: string;
  /** PKCS#10. */
  readonly csrPem: string;
}

/** A fresh P-256 key and a request for it: empty subject, the SPIFFE URI as only name, signed with SHA-256. */
export async function createCertificateRequest(identity: SpiffeId): Promise<KeyAndRequest> {
  const keys = await webcrypto.subtle.generateKey(EC_P256, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: formatSpiffeId(identity) }])],
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    privateKeyPem: `${x509.PemConverter.encode(pkcs8, x509.PemConverter.PrivateKeyTag)}\n`,
    csrPem: `${request.toString('pem')}\n`,
  };
}
