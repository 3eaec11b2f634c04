import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { formatSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import type { Certificate, IssuedChain } from './certificate.ts';
import { CHAIN_MAX_CERTIFICATES, CHAIN_MAX_CHARACTERS, CLOCK_SKEW_MS, ROOTS_MAX_CERTIFICATES } from './limits.ts';

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
// Extended key usages of TLS, RFC 5280 section 4.2.1.12: a mesh certificate serves both ends.
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

export type CheckedChain = Omit<Certificate, 'generation'>;

/**
 * Judges what a CA (or saved state) gave for `identity` as strictly as peers will, so that a bad answer never replaces
 * a good certificate: parsable, for our key, for exactly this identity, valid at `now` (wall time, ms), in order, and
 * chaining to one of the roots that came with it. Throws `AMBIT_CERTIFICATE` that names what is wrong.
 */
export function checkChain(identity: SpiffeId, issued: IssuedChain, now: number): CheckedChain {
  const uri = formatSpiffeId(identity);
  const refuse = (why: string, cause?: unknown): never => {
    throw new AmbitError('AMBIT_CERTIFICATE', `certificate for ${uri} refused: ${why}`, {
      source: 'peer',
      retryable: true,
      cause,
    });
  };
  if (issued.chainPem.length < 2)
    refuse(`the chain has ${issued.chainPem.length} elements, but a leaf and a root are due`);
  if (issued.chainPem.reduce((sum, pem) => sum + pem.length, 0) > CHAIN_MAX_CHARACTERS) refuse('the chain is too long');
  let chain: X509Certificate[] = [];
  let roots: X509Certificate[] = [];
  let key: KeyObject | undefined;
  try {
    chain = issued.chainPem.slice(0, -1).flatMap(parsePem);
    roots = parsePem(issued.chainPem.at(-1) ?? '');
    key = createPrivateKey(issued.privateKeyPem);
  } catch (error) {
    refuse(messageOf(error), error);
  }
  const leaf = chain[0];
  if (leaf === undefined || key === undefined) return refuse('the first element holds no certificate');
  if (chain.length > CHAIN_MAX_CERTIFICATES) refuse(`${chain.length} certificates before the roots`);
  if (roots.length > ROOTS_MAX_CERTIFICATES) refuse(`${roots.length} roots`);

  if (!leaf.checkPrivateKey(key)) refuse('it certifies another key (is the chain out of order?)');
  if (leaf.subjectAltName !== `URI:${uri}`) refuse(`its names are ${JSON.stringify(leaf.subjectAltName ?? 'none')}`);
  if (leaf.ca) refuse('it is a CA certificate');
  const usages = leaf.keyUsage as string[] | undefined;
  if (usages !== undefined && !(usages.includes(SERVER_AUTH) && usages.includes(CLIENT_AUTH))) {
    refuse('its extended key usage is not both serverAuth and clientAuth');
  }

  // Some CAs repeat the root at the end of the chain; it is not sent to peers.
  const last = chain.at(-1);
  if (chain.length > 1 && last !== undefined && roots.some((root) => root.raw.equals(last.raw))) chain.pop();
  chain.forEach((certificate, index) => {
    const what = index === 0 ? 'the leaf' : `intermediate ${index}`;
    if (index > 0 && !certificate.ca) refuse(`${what} is not a CA certificate`);
    const timing = timingProblem(certificate, now);
    if (timing !== undefined) refuse(`${what} ${timing}`);
    const issuer = chain[index + 1];
    if (issuer !== undefined && !isIssuedBy(certificate, issuer)) {
      refuse(`${what} is not issued by the certificate that follows it (chain out of order?)`);
    }
  });
  const top = chain.at(-1) ?? leaf;
  const anchors = roots.filter((root) => isIssuedBy(top, root));
  if (anchors.length === 0) refuse('the chain does not end at any of the roots that came with it');
  if (!anchors.some((root) => root.ca && isIssuedBy(root, root) && timingProblem(root, now) === undefined)) {
    refuse('the root it chains to is no self-signed CA certificate valid now');
  }
  return {
    identity,
    certificateChainPem: chain.map(String).join(''),
    privateKeyPem: issued.privateKeyPem,
    rootsPem: roots.map(String).join(''),
    notBefore: leaf.validFromDate.getTime(),
    notAfter: leaf.validToDate.getTime(),
    serialNumber: leaf.serialNumber,
  };
}

/** The certificates of a PEM text. Throws a plain Error when it holds none, or one that cannot be parsed. */
export function parsePem(pem: string): X509Certificate[] {
  const blocks = pem.match(PEM_BLOCK) ?? [];
  if (blocks.length === 0) throw new Error(`no PEM certificate in ${JSON.stringify(pem.slice(0, 60))}`);
  return blocks.map((block) => new X509Certificate(block));
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function timingProblem(certificate: X509Certificate, now: number): string | undefined {
  if (certificate.validFromDate.getTime() > now + CLOCK_SKEW_MS) {
    return `is not valid before ${certificate.validFromDate.toISOString()} (does a clock run ahead or behind?)`;
  }
  if (certificate.validToDate.getTime() <= now) return `expired at ${certificate.validToDate.toISOString()}`;
  return undefined;
}
