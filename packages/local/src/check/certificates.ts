import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@ambit/core/clock';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { BenchCertificates } from './bench.ts';
import type { PeerCertificate } from './clients/tunnel-options.ts';

const EC_P256: webcrypto.EcKeyGenParams = { name: 'ECDSA', namedCurve: 'P-256' };
const ECDSA_SHA256: webcrypto.EcdsaParams & webcrypto.EcKeyGenParams = { ...EC_P256, hash: 'SHA-256' };
const HOUR = 3_600_000;

/** Who signs: name and key. */
interface Signer {
  readonly issuer: string;
  readonly key: webcrypto.CryptoKey;
}

/**
 * Makes certificates that the CA would never give out: expired ones, of other trust domains, by nobody. What is to be
 * judged is how a proxy treats them, so they are signed with the key of the mesh's own root, taken from the controller's
 * state, or with one that nobody trusts.
 */
export function benchCertificates(authorityDirectory: string, clock: Clock): BenchCertificates {
  return {
    own: async (spiffe, notAfter = clock.wallTime() + HOUR) =>
      issue(await readSigner(authorityDirectory), spiffe, clock.wallTime() - HOUR, notAfter),
    root: () => rootOf(authorityDirectory),
    foreign: async (spiffe) => {
      const { privateKey: key } = await newKeys();
      return issue({ issuer: 'O=nobody', key }, spiffe, clock.wallTime() - HOUR, clock.wallTime() + HOUR);
    },
  };
}

function rootOf(directory: string): string {
  return readFileSync(join(directory, 'ca-cert.pem'), 'utf8');
}

async function readSigner(directory: string): Promise<Signer> {
  const certificate = new X509Certificate(rootOf(directory));
  const [key] = PemConverter.decode(readFileSync(join(directory, 'ca-key.pem'), 'utf8'));
  if (key === undefined) throw new Error('the controller keeps no key');
  return {
    issuer: certificate.subject,
    key: await webcrypto.subtle.importKey('pkcs8', key, EC_P256, false, ['sign']),
  };
}

async function issue(signer: Signer, spiffe: string, notBefore: number, notAfter: number): Promise<PeerCertificate> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.create({
    issuer: signer.issuer,
    publicKey: keys.publicKey,
    signingKey: signer.key,
    signingAlgorithm: ECDSA_SHA256,
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    extensions: [
      new SubjectAlternativeNameExtension([{ type: 'url', value: spiffe }], true),
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    ],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certificate: certificate.toString('pem'),
    privateKey: PemConverter.encode(key, PemConverter.PrivateKeyTag),
  };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(EC_P256, true, ['sign', 'verify']);
}
