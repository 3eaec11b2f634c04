import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { TokenRule } from '@ambit/traffic/model/token-rule';

// Issuers of tokens in tests, and rules that trust them.

export type TestAlgorithm = 'EdDSA' | 'ES256' | 'ES384' | 'PS256' | 'RS256';

/** A key pair of an issuer. */
export class TestKey {
  readonly algorithm: TestAlgorithm;
  readonly id: string | undefined;
  readonly #private: KeyObject;
  readonly #public: KeyObject;

  constructor(algorithm: TestAlgorithm, id?: string) {
    this.algorithm = algorithm;
    this.id = id;
    const { privateKey, publicKey } = generate(algorithm);
    this.#private = privateKey;
    this.#public = publicKey;
  }

  /** As it stands in a set of keys. */
  jwk(fields: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return { ...this.#public.export({ format: 'jwk' }), ...(this.id === undefined ? {} : { kid: this.id }), ...fields };
  }

  get publicPem(): string {
    return this.#public.export({ format: 'pem', type: 'spki' });
  }

  /** A token; `head` over what the key says of itself. */
  token(claims: object, head: Readonly<Record<string, unknown>> = {}): string {
    const header = { alg: this.algorithm, ...(this.id === undefined ? {} : { kid: this.id }), ...head };
    const signed = `${encode(header)}.${encode(claims)}`;
    return `${signed}.${this.#sign(signed).toString('base64url')}`;
  }

  #sign(text: string): Buffer {
    const data = Buffer.from(text);
    if (this.algorithm === 'EdDSA') return sign(null, data, this.#private);
    if (this.algorithm === 'RS256') return sign('sha256', data, this.#private);
    if (this.algorithm === 'PS256') return sign('sha256', data, { key: this.#private, padding: 6, saltLength: 32 });
    const digest = this.algorithm === 'ES256' ? 'sha256' : 'sha384';
    return sign(digest, data, { key: this.#private, dsaEncoding: 'ieee-p1363' });
  }
}

/** A part of a token. */
export function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

function generate(algorithm: TestAlgorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
  if (algorithm === 'RS256' || algorithm === 'PS256') return generateKeyPairSync('rsa', { modulusLength: 2_048 });
  return generateKeyPairSync('ec', { namedCurve: algorithm === 'ES256' ? 'P-256' : 'P-384' });
}

export const ISSUER = 'https://issuer-1.example.com';

/** A rule as Istio's defaults have it; its keys are fetched from `https://issuer-1.example.com/keys`. */
export function tokenRule(fields: Partial<TokenRule> = {}): TokenRule {
  return {
    policy: 'shop/tokens',
    issuer: ISSUER,
    audiences: [],
    keys: { kind: 'uri', uri: `${ISSUER}/keys` },
    fetchTimeoutMs: 5_000,
    headers: [{ name: 'authorization', prefix: 'Bearer ' }],
    parameters: ['access_token'],
    cookies: [],
    forwardToken: false,
    payloadHeader: '',
    claimHeaders: [],
    spaceDelimitedClaims: [],
    ...fields,
  };
}
