import { X509Certificate } from 'node:crypto';
import { openssl } from './internal/library.ts';
import { PEER_CERTIFICATES_KEPT, PEER_CERTIFICATE_BYTES } from './limits.ts';
import { allocate, writePointer } from './memory.ts';

const getPeerCertificate = openssl('SSL_get1_peer_certificate', 'uintptr_t', ['uintptr_t'], {
  result: 0,
});
const encodeX509 = openssl('i2d_X509', 'int', ['uintptr_t', 'uintptr_t']);
const x509Free = openssl('X509_free', 'void', ['uintptr_t'], { releases: true });

/** What the mesh wants to know of a peer's leaf certificate. */
export interface PeerCertificate {
  readonly der: Buffer;
  /** URI subject alternative names in their order. */
  readonly uris: readonly string[];
  /** Hexadecimal. */
  readonly serialNumber: string;
  /** SHA-256 of the DER, hexadecimal without colons. */
  readonly fingerprint: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

const der = allocate(PEER_CERTIFICATE_BYTES);
const cursor = allocate(8);
const known = new Map<string, PeerCertificate>();

/** The verified leaf certificate of the peer; undefined when it showed none or a monstrous one. */
export function peerCertificate(ssl: number): PeerCertificate | undefined {
  const x509 = getPeerCertificate(ssl);
  if (x509 === 0) return undefined;
  const length = encode(x509);
  x509Free(x509);
  if (length <= 0) return undefined;
  const key = der.bytes.toString('latin1', 0, length);
  const remembered = known.get(key);
  if (remembered !== undefined) return remembered;
  const parsed = parseCertificate(Buffer.from(der.bytes.subarray(0, length)));
  if (known.size >= PEER_CERTIFICATES_KEPT) known.delete(known.keys().next().value ?? '');
  known.set(key, parsed);
  return parsed;
}

/** The length of the encoding, or 0 when it does not fit. */
function encode(x509: number): number {
  const length = encodeX509(x509, 0);
  if (length <= 0 || length > PEER_CERTIFICATE_BYTES) return 0;
  writePointer(cursor.bytes, 0, der.address);
  return encodeX509(x509, cursor.address);
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
 * The URIs of `URI:spiffe://a, DNS:b`. Node quotes an entry as JSON when it holds a comma or a control character, so
 * that no name can be smuggled in; quoted entries are none of ours and are left out.
 */
function uriNames(text: string): string[] {
  return text
    .split(', ')
    .filter((entry) => entry.startsWith('URI:') && !entry.includes('"'))
    .map((entry) => entry.slice(4));
}
