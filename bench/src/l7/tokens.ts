import { generateKeyPairSync, sign } from 'node:crypto';
import { AUDIENCE, ISSUER, SUBJECT } from './policies.ts';

/** What a client proves itself with, and what a waypoint proves it by. */
export interface Tokens {
  /** JSON Web Key Set with the issuer's key. */
  readonly keys: string;
  readonly valid: string;
  /** As `valid`, for another subject: its signature does not hold. */
  readonly forged: string;
}

const KEY_ID = 'bench';
const KEY_BITS = 2048;
/** Longer than any run, in seconds. */
const LIFETIME = 86_400;

/** A token as issuers of users sign them most often (RS256), with a key of its own. `now` in seconds since 1970. */
export function mintTokens(now: number): Tokens {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: KEY_BITS });
  const signed = (subject: string): [string, string] => {
    const payload = { iss: ISSUER, sub: subject, aud: AUDIENCE, iat: now, exp: now + LIFETIME };
    const text = `${encoded({ alg: 'RS256', typ: 'JWT', kid: KEY_ID })}.${encoded(payload)}`;
    return [text, sign('sha256', Buffer.from(text), privateKey).toString('base64url')];
  };
  const [text, signature] = signed(SUBJECT);
  const [other] = signed('somebody-else');
  return {
    keys: JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: KEY_ID, alg: 'RS256', use: 'sig' }] }),
    valid: `${text}.${signature}`,
    forged: `${other}.${signature}`,
  };
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
