import { generateKeyPair, sign } from 'node:crypto';
import { promisify } from 'node:util';
import { formatSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import { contextual, identifier, octets, sequence, set, signatureBits, smallInteger, uri } from './der.ts';

export interface KeyAndRequest {
  /** PKCS#8. */
  readonly privateKeyPem: string;
  /** PKCS#10. */
  readonly csrPem: string;
}

const newKeyPair = promisify(generateKeyPair);

const ECDSA_WITH_SHA256 = identifier('1.2.840.10045.4.3.2');
const EXTENSION_REQUEST = identifier('1.2.840.113549.1.9.14');
const SUBJECT_ALTERNATIVE_NAME = identifier('2.5.29.17');
const VERSION_1 = smallInteger(0);
const NO_SUBJECT = sequence();

/** A fresh P-256 key and a request for it (RFC 2986): empty subject, the SPIFFE URI as only name, signed with SHA-256. */
export async function createCertificateRequest(identity: SpiffeId): Promise<KeyAndRequest> {
  const { publicKey, privateKey } = await newKeyPair('ec', { namedCurve: 'P-256' });
  const names = sequence(uri(formatSpiffeId(identity)));
  const extensions = sequence(sequence(SUBJECT_ALTERNATIVE_NAME, octets(names)));
  const body = sequence(
    VERSION_1,
    NO_SUBJECT,
    publicKey.export({ type: 'spki', format: 'der' }),
    contextual(0, sequence(EXTENSION_REQUEST, set(extensions))),
  );
  const request = sequence(body, sequence(ECDSA_WITH_SHA256), signatureBits(sign('sha256', body, privateKey)));
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    csrPem: pem('CERTIFICATE REQUEST', request),
  };
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
