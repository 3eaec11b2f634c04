import { createPublicKey } from 'node:crypto';
import { messageOf } from '@ambit/core/errors';
import type { TokenAlgorithm } from '@ambit/traffic/token/parse-token';
import { KEYS_PER_SOURCE, RSA_BITS_MAX, RSA_BITS_MIN } from '../limits.ts';
import type { TokenKey } from '../messages.ts';

export interface KeySetContent {
  readonly keys: readonly TokenKey[];
  /** Why keys of the set are not used. */
  readonly passedOver: readonly string[];
}

type Jwk = Readonly<Record<string, unknown>>;

/** What a kind of key can be used for, and its public parts (RFC 7518 6, RFC 8037 2). */
interface KeyKind {
  readonly algorithms: readonly TokenAlgorithm[];
  readonly parts: readonly string[];
}

const RSA: KeyKind = { algorithms: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'], parts: ['n', 'e'] };

const CURVES: ReadonlyMap<string, KeyKind> = new Map([
  ['EC P-256', { algorithms: ['ES256'], parts: ['crv', 'x', 'y'] }],
  ['EC P-384', { algorithms: ['ES384'], parts: ['crv', 'x', 'y'] }],
  ['EC P-521', { algorithms: ['ES512'], parts: ['crv', 'x', 'y'] }],
  ['OKP Ed25519', { algorithms: ['EdDSA'], parts: ['crv', 'x'] }],
]);

/**
 * The keys of a set (RFC 7517 5) by which signatures may be checked. What a key is for is told by the key alone, so that no
 * token can have a public key used as a shared secret. Throws when it is no set.
 */
export async function readKeys(text: string): Promise<KeySetContent> {
  const keys: TokenKey[] = [];
  const passedOver: string[] = [];
  for (const [index, jwk] of listed(text).entries()) {
    const problem = keys.length >= KEYS_PER_SOURCE ? `more than ${KEYS_PER_SOURCE} keys` : await take(jwk, keys);
    if (problem !== undefined) passedOver.push(`keys[${index}]: ${problem}`);
  }
  return { keys, passedOver };
}

function listed(text: string): unknown[] {
  const set: unknown = JSON.parse(text);
  if (typeof set !== 'object' || set === null || !('keys' in set) || !Array.isArray(set.keys)) {
    throw new TypeError('it has no list of keys (RFC 7517 5)');
  }
  return set.keys;
}

/** Why it is not taken. */
async function take(value: unknown, keys: TokenKey[]): Promise<string | undefined> {
  if (typeof value !== 'object' || value === null) return 'is no key';
  const jwk = value as Jwk;
  const kind = kindOf(jwk);
  if (kind === undefined) return 'is of no kind that signs tokens (RSA, P-256, P-384, P-521, Ed25519)';
  const { kid, alg, use, key_ops: operations } = jwk;
  if (use !== undefined && use !== 'sig') return 'is not for signatures (use)';
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return 'is not for checking signatures (key_ops)';
  }
  if (kid !== undefined && typeof kid !== 'string') return 'has a kid that is no text';
  const algorithms = kind.algorithms.filter((one) => alg === undefined || alg === one);
  const [algorithm] = algorithms;
  if (algorithm === undefined) return 'is for another algorithm (alg)';
  try {
    // Its private part, if somebody has published it, is left behind.
    const bare = Object.fromEntries(['kty', ...kind.parts].map((part) => [part, jwk[part]]));
    const { exportSPKI, importJWK } = await import('jose');
    const key = await importJWK(bare, algorithm, { extractable: true });
    if (key instanceof Uint8Array) return 'is a shared secret';
    const pem = await exportSPKI(key);
    const bits = createPublicKey(pem).asymmetricKeyDetails?.modulusLength;
    if (bits !== undefined && (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)) {
      return `has ${bits} bits, and not from ${RSA_BITS_MIN} to ${RSA_BITS_MAX}`;
    }
    keys.push({ id: kid, algorithms, pem });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function kindOf({ kty, crv }: Jwk): KeyKind | undefined {
  if (kty === 'RSA') return RSA;
  return typeof kty === 'string' && typeof crv === 'string' ? CURVES.get(`${kty} ${crv}`) : undefined;
}
