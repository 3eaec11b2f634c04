import { X509Certificate } from 'node:crypto';
import { openssl } from './internal/library.ts';
import { verifiedKey } from './internal/verification.ts';
import { PEER_CERTIFICATES_KEPT } from './limits.ts';

const getPeerCertificate = openssl('SSL_get0_peer_certificate', 'uintptr_t', ['uintptr_t'], { result: 0 });

/** What the mesh wants to know of a peer's leaf certificate. */
export interface PeerCertificate {
  readonly der: Buffer;
  /** URI subject alternative names in their order; one that Node had to quote as it quoted it, which is no URI. */
  readonly uris: readonly string[];
  /** Hexadecimal. */
  readonly serialNumber: string;
  /** SHA-256 of the DER, hexadecimal without colons. */
  readonly fingerprint: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

const known = new Map<string, PeerCertificate>();

/** The verified leaf certificate of the peer; undefined when it showed none or a monstrous one. */
export function peerCertificate(ssl: number): PeerCertificate | undefined {
  const x509 = getPeerCertificate(ssl);
  if (x509 === 0) return undefined;
  const key = verifiedKey(x509);
  if (key === '') return undefined;
  const remembered = known.get(key);
  if (remembered !== undefined) return remembered;
  const parsed = parseCertificate(Buffer.from(key, 'latin1'));
  const oldest = known.size >= PEER_CERTIFICATES_KEPT ? known.keys().next().value : undefined;
  if (oldest !== undefined) known.delete(oldest);
  known.set(key, parsed);
  return parsed;
}

export function parseCertificate(encoded: Buffer): PeerCertificate {
  const certificate = new X509Certificate(encoded);
  return {
    der: encoded,
    uris: uriNames(certificate.subjectAltName ?? ''),
    serialNumber: certificate.serialNumber,
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
  };
}

/**
 * The URIs of `URI:spiffe://a, DNS:b`. Node quotes an entry as JSON, commas escaped, when it holds a comma, a quote or a
 * control character, so that no name can be smuggled in. A quoted entry counts as a name all the same: a certificate
 * with two names must not pass for one with the other alone.
 */
function uriNames(text: string): string[] {
  return text
    .split(', ')
    .filter((entry) => entry.startsWith('URI:'))
    .map((entry) => entry.slice(4));
}
