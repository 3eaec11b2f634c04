/**
 * A certificate authority in memory for tests of every package that speaks TLS. No program imports it: it issues
 * whatever it is asked for, expired and malformed certificates included. Its name begins with `test-`, which is what
 * the dependency rules go by.
 */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const EC_P256: webcrypto.EcKeyGenParams = { name: 'ECDSA', namedCurve: 'P-256' };
const ECDSA_SHA256: webcrypto.EcdsaParams & webcrypto.EcKeyGenParams = { ...EC_P256, hash: 'SHA-256' };
const HOUR_MS = 3_600_000;

export interface TestAuthorityOptions {
  /** Common name of the authority. Default `test root`. */
  name?: string;
  /** Default one hour ago. */
  notBefore?: Date;
  /** Default in ten hours. */
  notAfter?: Date;
}

export interface TestIssueOptions {
  /** Default one minute ago. */
  notBefore?: Date;
  /** Default in one hour. */
  notAfter?: Date;
  /** URI SANs besides the identity. Default none. */
  uris?: readonly string[];
  /** DNS SANs. Default none. */
  dnsNames?: readonly string[];
  /** IP SANs. Default none. */
  ips?: readonly string[];
  /** Extended key usages. Default both. */
  usages?: readonly ('clientAuth' | 'serverAuth')[];
  /** A CSR in PEM whose key is certified (its own SANs are ignored); `privateKeyPem` is empty then. */
  csrPem?: string;
}

export interface TestCertificate {
  /** Leaf and intermediates, the leaf first. */
  readonly certificateChainPem: string;
  /** PKCS#8. */
  readonly privateKeyPem: string;
  /** The root only. */
  readonly rootsPem: string;
  readonly leafPem: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export class TestAuthority {
  /** The certificate of this authority. */
  readonly certificatePem: string;
  /** The self-signed certificate at the end of the chain. */
  readonly rootPem: string;
  /** From this authority up to, without, the root; empty for a root. */
  readonly intermediatePems: readonly string[];
  readonly #certificate: x509.X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;

  private constructor(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair, parent?: TestAuthority) {
    this.#certificate = certificate;
    this.#keys = keys;
    this.certificatePem = pemOf(certificate);
    this.rootPem = parent?.rootPem ?? this.certificatePem;
    this.intermediatePems = parent === undefined ? [] : [this.certificatePem, ...parent.intermediatePems];
  }

  /** A new self-signed root. */
  static async create(options: TestAuthorityOptions = {}): Promise<TestAuthority> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=${options.name ?? 'test root'}`,
      keys,
      signingAlgorithm: ECDSA_SHA256,
      ...validity(options, -HOUR_MS, 10 * HOUR_MS),
      extensions: await authorityExtensions(keys.publicKey),
    });
    return new TestAuthority(certificate, keys);
  }

  /** The authority's own key, PKCS#8. */
  keyPem(): Promise<string> {
    return privateKeyPem(this.#keys.privateKey);
  }

  /** A new authority whose certificate this one signs. */
  async intermediate(options: TestAuthorityOptions = {}): Promise<TestAuthority> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${options.name ?? 'test intermediate'}`,
      issuer: this.#certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ECDSA_SHA256,
      ...validity(options, -HOUR_MS, 10 * HOUR_MS),
      extensions: [
        ...(await authorityExtensions(keys.publicKey)),
        await x509.AuthorityKeyIdentifierExtension.create(this.#keys.publicKey),
      ],
    });
    return new TestAuthority(certificate, keys, this);
  }

  /**
   * A leaf with a fresh P-256 key (or the key of a CSR). `spiffe` is written as it is, however malformed;
   * undefined leaves it out, as for servers with DNS names only.
   */
  async issue(spiffe: string | undefined, options: TestIssueOptions = {}): Promise<TestCertificate> {
    const keys = options.csrPem === undefined ? await newKeys() : undefined;
    const publicKey = keys?.publicKey ?? new x509.Pkcs10CertificateRequest(options.csrPem ?? '').publicKey;
    const usages = options.usages ?? ['serverAuth', 'clientAuth'];
    const names: x509.JsonGeneralName[] = [
      ...(spiffe === undefined ? [] : [spiffe]).map((value) => ({ type: 'url' as const, value })),
      ...(options.uris ?? []).map((value) => ({ type: 'url' as const, value })),
      ...(options.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
      ...(options.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
    ];
    const { notBefore, notAfter } = validity(options, -60_000, HOUR_MS);
    const certificate = await x509.X509CertificateGenerator.create({
      issuer: this.#certificate.subject,
      publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ECDSA_SHA256,
      notBefore,
      notAfter,
      extensions: [
        ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names, true)] : []),
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
        new x509.ExtendedKeyUsageExtension(usages.map((usage) => x509.ExtendedKeyUsage[usage])),
        await x509.AuthorityKeyIdentifierExtension.create(this.#keys.publicKey),
      ],
    });
    const leafPem = pemOf(certificate);
    return {
      leafPem,
      certificateChainPem: [leafPem, ...this.intermediatePems].join(''),
      privateKeyPem: keys === undefined ? '' : await privateKeyPem(keys.privateKey),
      rootsPem: this.rootPem,
      notBefore,
      notAfter,
    };
  }
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(EC_P256, true, ['sign', 'verify']);
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), x509.PemConverter.PrivateKeyTag)}\n`;
}

function pemOf(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

function validity(
  options: { notBefore?: Date; notAfter?: Date },
  fromMs: number,
  toMs: number,
): { notBefore: Date; notAfter: Date } {
  const now = Math.floor(Date.now() / 1000) * 1000; // certificates know whole seconds
  return {
    notBefore: options.notBefore ?? new Date(now + fromMs),
    notAfter: options.notAfter ?? new Date(now + toMs),
  };
}

async function authorityExtensions(publicKey: webcrypto.CryptoKey): Promise<x509.Extension[]> {
  return [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ];
}
