import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { ParsedToken, TokenAlgorithm } from '@ambit/traffic/token/parse-token';
import type { TokenKey } from '../messages.ts';

/** A public key, and the algorithms that are its own: a token does not choose. */
export class PublicKey {
  readonly #id: string | undefined;
  readonly #algorithms: ReadonlySet<TokenAlgorithm>;
  readonly #key: KeyObject;

  constructor({ id, algorithms, pem }: TokenKey) {
    this.#id = id;
    this.#algorithms = new Set(algorithms);
    this.#key = createPublicKey(pem);
  }

  /** Whether a token says that this key has signed it; one of both without a name says nothing. */
  mayHaveSigned({ keyId, algorithm }: ParsedToken): boolean {
    return this.#algorithms.has(algorithm) && (keyId === undefined || this.#id === undefined || keyId === this.#id);
  }

  verifies({ algorithm, signed, signature }: ParsedToken): boolean {
    const { digest, pss, ecdsa } = PARAMETERS[algorithm];
    const key = {
      key: this.#key,
      ...(pss ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {}),
      ...(ecdsa ? { dsaEncoding: 'ieee-p1363' as const } : {}),
    };
    try {
      return verify(digest, Buffer.from(signed, 'latin1'), key, signature);
    } catch {
      // A signature that no key of the kind makes.
      return false;
    }
  }
}

interface Parameters {
  /** Null: the algorithm hashes by itself. */
  readonly digest: string | null;
  readonly pss: boolean;
  readonly ecdsa: boolean;
}

function rsa(bits: number): Parameters {
  return { digest: `sha${bits}`, pss: false, ecdsa: false };
}

const PARAMETERS: Readonly<Record<TokenAlgorithm, Parameters>> = {
  RS256: rsa(256),
  RS384: rsa(384),
  RS512: rsa(512),
  PS256: { ...rsa(256), pss: true },
  PS384: { ...rsa(384), pss: true },
  PS512: { ...rsa(512), pss: true },
  ES256: { ...rsa(256), ecdsa: true },
  ES384: { ...rsa(384), ecdsa: true },
  ES512: { ...rsa(512), ecdsa: true },
  EdDSA: { digest: null, pss: false, ecdsa: false },
};
