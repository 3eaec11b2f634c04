import 'reflect-metadata';
import { randomBytes, webcrypto, type X509Certificate as NodeCertificate } from 'node:crypto';
import { parseIp } from '@ambit/core/address';
import type { Clock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { formatSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { BACKDATE_MS, BACKDATE_PART, MIN_CERTIFICATE_TTL_MS, ROOT_LIFETIME_MS } from '../limits.ts';
import type { CertificateRequest } from './certificate-request.ts';
import { type AuthorityMaterial, checkAuthority, importSigningKey, type SigningKey } from './signing-key.ts';

export interface AuthorityLifetimes {
  /** Milliseconds, for requests that name no lifetime. */
  readonly defaultTtl: number;
  /** Milliseconds, the longest lifetime of a workload's certificate. */
  readonly maxTtl: number;
}

/** A certificate for a request, and what proves it. */
export interface IssuedCertificate {
  /** PEM: leaf, intermediates, all roots together last. */
  readonly chain: readonly string[];
  readonly serialNumber: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/** Signs certificates for workloads and for the controller itself. */
export class CertificateAuthority {
  /** What relying parties trust, PEM, one or more. */
  readonly rootsPem: string;
  readonly roots: readonly NodeCertificate[];
  /** The root that certificates of this authority lead to. */
  readonly anchor: NodeCertificate;
  /** When the first certificate of the authority's chain or the last root expires, milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly #signing: SigningKey;
  readonly #certificate: X509Certificate;
  readonly #intermediates: readonly string[];
  readonly #lifetimes: AuthorityLifetimes;
  readonly #clock: Clock;

  private constructor(
    signing: SigningKey,
    certificate: X509Certificate,
    checked: ReturnType<typeof checkAuthority>,
    lifetimes: AuthorityLifetimes,
    clock: Clock,
  ) {
    this.#signing = signing;
    this.#certificate = certificate;
    this.#lifetimes = lifetimes;
    this.#clock = clock;
    this.#intermediates = checked.chain.map((entry) => entry.toString());
    this.roots = checked.roots;
    this.anchor = checked.anchor;
    this.rootsPem = checked.roots.map((root) => root.toString()).join('');
    this.expiresAt = Math.min(
      ...checked.chain.map((entry) => entry.validToDate.getTime()),
      Math.max(...checked.roots.map((root) => root.validToDate.getTime())),
      certificate.notAfter.getTime(),
    );
  }

  /** An authority from its files. Throws `AMBIT_CA_FILES` when they cannot be used now. */
  static async load(
    material: AuthorityMaterial,
    lifetimes: AuthorityLifetimes,
    clock: Clock,
  ): Promise<CertificateAuthority> {
    const checked = checkAuthority(material, clock.wallTime());
    const signing = await importSigningKey(material.privateKeyPem);
    return new CertificateAuthority(signing, new X509Certificate(material.certificatePem), checked, lifetimes, clock);
  }

  /**
   * A certificate for a checked request. It lives as long as asked (`ttl` in milliseconds, undefined: the default), at
   * most the longest lifetime, and never beyond the authority. `rootsPem`: what the workload is told to trust, by default
   * the roots of the authority. Throws `AMBIT_CA_EXPIRED` when nothing is left of that.
   */
  async issue(
    request: CertificateRequest,
    ttl: number | undefined,
    rootsPem: string = this.rootsPem,
  ): Promise<IssuedCertificate> {
    const wanted = Math.min(
      Math.max(ttl ?? this.#lifetimes.defaultTtl, MIN_CERTIFICATE_TTL_MS),
      this.#lifetimes.maxTtl,
    );
    const names: JsonGeneralName[] = [{ type: 'url', value: formatSpiffeId(request.identity) }];
    const usages = [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth];
    const leaf = await this.#sign(request.publicKey, names, usages, wanted);
    return {
      chain: [pemOf(leaf), ...this.#intermediates, rootsPem],
      serialNumber: leaf.serialNumber,
      notAfter: leaf.notAfter.getTime(),
    };
  }

  /** A fresh key and certificate for a server of these DNS names and IP addresses; `ttl` in milliseconds. */
  async issueServer(
    serverNames: readonly string[],
    identity: SpiffeId,
    ttl: number,
  ): Promise<{ chainPem: string; privateKeyPem: string; notAfter: number }> {
    const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const names = [...new Set(serverNames)].map(
      (value): JsonGeneralName => ({ type: parseIp(value) === undefined ? 'dns' : 'ip', value }),
    );
    const uri: JsonGeneralName = { type: 'url', value: formatSpiffeId(identity) };
    const leaf = await this.#sign(keys.publicKey, [...names, uri], [ExtendedKeyUsage.serverAuth], ttl);
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return {
      chainPem: [pemOf(leaf), ...this.#intermediates].join(''),
      privateKeyPem: PemConverter.encode(pkcs8, PemConverter.PrivateKeyTag),
      notAfter: leaf.notAfter.getTime(),
    };
  }

  async #sign(
    publicKey: PublicKey | webcrypto.CryptoKey,
    names: readonly JsonGeneralName[],
    usages: readonly ExtendedKeyUsage[],
    ttl: number,
  ): Promise<X509Certificate> {
    const now = this.#clock.wallTime();
    const notAfter = Math.min(now + ttl, this.expiresAt);
    if (notAfter <= now) {
      throw new AmbitError(
        'AMBIT_CA_EXPIRED',
        'the certificate authority has expired and signs nothing; give it a new certificate',
      );
    }
    const backdate = Math.min(BACKDATE_MS, (notAfter - now) * BACKDATE_PART);
    return await X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      issuer: this.#certificate.subject,
      notBefore: new Date(Math.max(now - backdate, this.#certificate.notBefore.getTime())),
      notAfter: new Date(notAfter),
      signingKey: this.#signing.key,
      signingAlgorithm: this.#signing.algorithm,
      publicKey: publicKey as PublicKey,
      extensions: [
        // The subject is empty, so the names must be critical (RFC 5280, section 4.2.1.6).
        new SubjectAlternativeNameExtension([...names], true),
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true),
        new ExtendedKeyUsageExtension([...usages]),
        await AuthorityKeyIdentifierExtension.create(this.#certificate),
        await SubjectKeyIdentifierExtension.create(publicKey),
      ],
    });
  }
}

/** A new self-signed root on P-256 that lives ten years, as files. */
export async function createRoot(organization: string, now: number): Promise<AuthorityMaterial> {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ O: [organization] }],
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + ROOT_LIFETIME_MS),
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const pem = pemOf(certificate);
  return {
    certificatePem: pem,
    privateKeyPem: PemConverter.encode(pkcs8, PemConverter.PrivateKeyTag),
    chainPem: '',
    rootsPem: pem,
  };
}

/**
 * The same root for another ten years: the same name and the same key, so that what it has signed is believed under the new
 * certificate, and what it signs from now on under the old one. Throws `AMBIT_CA_FILES`.
 */
export async function renewRoot(material: AuthorityMaterial, now: number): Promise<AuthorityMaterial> {
  const old = new X509Certificate(material.certificatePem);
  const { key, algorithm } = await importSigningKey(material.privateKeyPem);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: old.subject,
    issuer: old.subject,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + ROOT_LIFETIME_MS),
    signingKey: key,
    signingAlgorithm: algorithm,
    publicKey: old.publicKey,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(old.publicKey),
    ],
  });
  const pem = pemOf(certificate);
  return { ...material, certificatePem: pem, chainPem: '', rootsPem: pem };
}

function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString('pem').trimEnd()}\n`;
}

/** 127 random bits, positive and never zero (RFC 5280, section 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}
