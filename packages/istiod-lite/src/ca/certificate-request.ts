import 'reflect-metadata';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { formatSpiffeId, parseSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import {
  BasicConstraintsExtension,
  type Extension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
} from '@peculiar/x509';
import { MAX_CSR_BYTES } from '../limits.ts';

/** A certificate request that asks for nothing but one identity and proves possession of its key. */
export interface CertificateRequest {
  readonly identity: SpiffeId;
  readonly publicKey: PublicKey;
}

const CURVES: readonly unknown[] = ['P-256', 'P-384'];
const HASHES: readonly unknown[] = ['SHA-256', 'SHA-384', 'SHA-512'];

/** PKCS #9 extensionRequest, the one attribute that is taken. */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';

/** TLS server and client authentication. */
const USAGES: readonly unknown[] = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'];

/**
 * Reads and checks a request in PEM: an EC key on P-256 or P-384, a valid signature by it, an empty subject, exactly one
 * subject alternative name, which is a SPIFFE id. Usages of a TLS peer may be asked for; anything else is refused.
 * Throws `AMBIT_CSR_REFUSED` with the reason, which is for the log.
 */
export async function readCertificateRequest(pem: string): Promise<CertificateRequest> {
  if (pem.length > MAX_CSR_BYTES) throw refused(`it is larger than ${MAX_CSR_BYTES} bytes`);
  try {
    return await check(parse(pem));
  } catch (error) {
    // The parser works lazily: every access may find damage.
    throw error instanceof AmbitError ? error : refused(`it cannot be parsed: ${messageOf(error)}`);
  }
}

async function check(request: Pkcs10CertificateRequest): Promise<CertificateRequest> {
  const { name, namedCurve } = request.publicKey.algorithm as { name: string; namedCurve?: string };
  if (name !== 'ECDSA' || !CURVES.includes(namedCurve)) throw refused('its key is not of the curve P-256 or P-384');
  const { hash } = request.signatureAlgorithm as { hash?: { name?: string } };
  if (!HASHES.includes(hash?.name)) throw refused('its signature algorithm is not ECDSA with SHA-2');
  if (request.subject !== '') throw refused('its subject is not empty');
  if (request.attributes.some(({ type }) => type !== EXTENSION_REQUEST) || request.attributes.length > 1) {
    throw refused('it has attributes besides one list of extensions');
  }
  for (const extension of request.extensions) checkExtension(extension);
  const identity = identityOf(request.extensions);
  if (!(await request.verify())) throw refused('its signature is not by its key');
  return { identity, publicKey: request.publicKey };
}

function parse(pem: string): Pkcs10CertificateRequest {
  const body =
    /^\s*-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END (?:NEW )?CERTIFICATE REQUEST-----\s*$/.exec(
      pem,
    );
  if (body === null) throw refused('it is not one PEM block of a certificate request');
  return new Pkcs10CertificateRequest(Buffer.from(body[1] ?? '', 'base64'));
}

function checkExtension(extension: Extension): void {
  if (extension instanceof SubjectAlternativeNameExtension || extension instanceof SubjectKeyIdentifierExtension)
    return;
  if (extension instanceof BasicConstraintsExtension) {
    if (extension.ca) throw refused('it asks for the power to sign certificates');
    return;
  }
  if (extension instanceof KeyUsagesExtension) {
    const signing = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;
    if ((extension.usages & signing) !== 0) throw refused('it asks for the power to sign certificates');
    return;
  }
  if (extension instanceof ExtendedKeyUsageExtension) {
    if (!extension.usages.every((usage) => USAGES.includes(usage))) throw refused('it asks for usages besides TLS');
    return;
  }
  throw refused(`it asks for the extension ${extension.type}`);
}

function identityOf(extensions: readonly Extension[]): SpiffeId {
  const lists = extensions.filter((extension) => extension instanceof SubjectAlternativeNameExtension);
  const names = lists.flatMap((list) => list.names.items);
  const [only] = names;
  if (lists.length !== 1 || names.length !== 1 || only?.type !== 'url') {
    throw refused('it does not ask for exactly one name that is a URI');
  }
  const identity = parseSpiffeId(only.value);
  if (identity === undefined || formatSpiffeId(identity) !== only.value)
    throw refused('its name is no SPIFFE id of a workload');
  return identity;
}

function refused(reason: string): AmbitError {
  return new AmbitError('AMBIT_CSR_REFUSED', `the certificate request is refused: ${reason}`, { source: 'peer' });
}
