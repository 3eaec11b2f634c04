import { createPrivateKey, type KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { MAX_CHAIN_CERTIFICATES } from '../limits.ts';

/** A certificate authority as its files hold it, all PEM. */
export interface AuthorityMaterial {
  /** The certificate that signs. */
  readonly certificatePem: string;
  /** PKCS#8 or SEC1. */
  readonly privateKeyPem: string;
  /** From the signing certificate up to, without, the roots; may hold the signing certificate itself. */
  readonly chainPem: string;
  /** One root or more: what relying parties trust. */
  readonly rootsPem: string;
}

/** A key in the form that signs certificates, and the parameters to sign with. */
export interface SigningKey {
  readonly key: webcrypto.CryptoKey;
  readonly algorithm: webcrypto.Algorithm | webcrypto.EcdsaParams;
}

/** Certificates of a PEM text, in order. Throws `AMBIT_CA_FILES` when there is none or one cannot be parsed. */
function certificatesOf(pem: string, what: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw unusable(`${what} holds a certificate that cannot be parsed: ${messageOf(error)}`);
  }
}

/** Imports a private key of EC (P-256, P-384) or RSA (2048 bits at least). Throws `AMBIT_CA_FILES` for any other. */
export async function importSigningKey(pem: string): Promise<SigningKey> {
  const parsed = parsePrivateKey(pem);
  const der = Buffer.from(parsed.export({ type: 'pkcs8', format: 'der' }));
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = parsed;
  if (type === 'ec' && (details?.namedCurve === 'prime256v1' || details?.namedCurve === 'secp384r1')) {
    const [namedCurve, hash] = details.namedCurve === 'prime256v1' ? ['P-256', 'SHA-256'] : ['P-384', 'SHA-384'];
    const key = await webcrypto.subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve }, false, ['sign']);
    return { key, algorithm: { name: 'ECDSA', hash } };
  }
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= 2_048) {
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    return { key: await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']), algorithm };
  }
  throw unusable('ca-key.pem is neither an EC key on P-256 or P-384 nor an RSA key of 2048 bits or more');
}

function parsePrivateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw unusable(`ca-key.pem cannot be parsed: ${messageOf(error)}`);
  }
}

/**
 * Checks that files make a usable authority at a wall time: the key fits the certificate, the certificate may sign,
 * nothing has expired, and the chain leads to a root. Gives the chain from the signing certificate up to, without, the
 * root it ends at, and that root as `anchor`. Throws `AMBIT_CA_FILES`.
 */
export function checkAuthority(
  material: AuthorityMaterial,
  now: number,
): { chain: X509Certificate[]; roots: X509Certificate[]; anchor: X509Certificate } {
  const [signing] = certificatesOf(material.certificatePem, 'ca-cert.pem');
  const roots = certificatesOf(material.rootsPem, 'root-cert.pem');
  if (signing === undefined) throw unusable('ca-cert.pem holds no certificate');
  if (roots.length === 0) throw unusable('root-cert.pem holds no certificate');
  if (!signing.checkPrivateKey(parsePrivateKey(material.privateKeyPem)))
    throw unusable('ca-key.pem is not the key of ca-cert.pem');
  const pool = certificatesOf(material.chainPem, 'cert-chain.pem');
  const chain: X509Certificate[] = [];
  let current = signing;
  for (;;) {
    if (!current.ca) throw unusable(`${current.subject} may not sign certificates`);
    if (current.validFromDate.getTime() > now) throw unusable(`${current.subject} is not valid yet`);
    if (current.validToDate.getTime() <= now) throw unusable(`${current.subject} has expired`);
    if (roots.some((root) => root.raw.equals(current.raw))) return { chain, roots, anchor: current };
    if (chain.length >= MAX_CHAIN_CERTIFICATES)
      throw unusable('the chain from ca-cert.pem to root-cert.pem is too long');
    chain.push(current);
    const issuer = [...roots, ...pool].find((candidate) => isIssuedBy(current, candidate));
    if (issuer === undefined || chain.includes(issuer))
      throw unusable(`no certificate of cert-chain.pem or root-cert.pem has signed ${current.subject}`);
    current = issuer;
  }
}

function isIssuedBy(certificate: X509Certificate, candidate: X509Certificate): boolean {
  return certificate.checkIssued(candidate) && certificate.verify(candidate.publicKey);
}

function unusable(reason: string): AmbitError {
  return new AmbitError('AMBIT_CA_FILES', `the certificate authority cannot be used: ${reason}`, {
    source: 'configuration',
  });
}
