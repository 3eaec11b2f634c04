import { Buffer, isUtf8 } from 'node:buffer';
import { MAX_TOKEN_BYTES } from '../limits.ts';
import type { TokenFault } from './token-fault.ts';
import type { Claims } from './verified-token.ts';

/** Signatures by a private key, to be checked with a public one (RFC 7518 3.1, RFC 8037 3.1). No shared secrets, and not `none`. */
export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

export type TokenAlgorithm = (typeof ALGORITHMS)[number];

/** What a token says (RFC 7519). Nothing of it is proven. */
export interface ParsedToken {
  readonly algorithm: TokenAlgorithm;
  readonly keyId: string | undefined;
  readonly claims: Claims;
  readonly issuer: string | undefined;
  readonly audiences: readonly string[];
  /** Seconds since the epoch. */
  readonly expires: number | undefined;
  readonly notBefore: number | undefined;
  readonly issuedAt: number | undefined;
  /** What is signed: header and payload as they were sent. */
  readonly signed: string;
  /** As it was sent, in base64url. */
  readonly payload: string;
  readonly signature: Buffer;
}

const BASE64URL = /^[A-Za-z0-9_-]*$/;

/** Reads the compact form of a signed token (RFC 7515 7.1), and nothing that is only like it. */
export function parseToken(text: string): ParsedToken | TokenFault {
  if (text.length > MAX_TOKEN_BYTES) return 'tooLarge';
  const first = text.indexOf('.');
  const second = text.indexOf('.', first + 1);
  if (first <= 0 || second < 0 || second === first + 1 || second === text.length - 1) return 'format';
  if (text.includes('.', second + 1)) return 'format';
  const header = decode(text.slice(0, first));
  if (header === undefined) return 'headerBase64';
  const payloadText = text.slice(first + 1, second);
  const payload = decode(payloadText);
  if (payload === undefined) return 'payloadBase64';
  const signature = decode(text.slice(second + 1));
  if (signature === undefined) return 'signatureBase64';
  const head = readHeader(header);
  if (typeof head === 'string') return head;
  const claims = objectOf(payload);
  if (claims === undefined) return 'payloadJson';
  return (
    readClaims(claims) ?? {
      ...head,
      ...factsOf(claims),
      claims,
      signed: text.slice(0, second),
      payload: payloadText,
      signature,
    }
  );
}

type Head = Pick<ParsedToken, 'algorithm' | 'keyId'>;

function readHeader(bytes: Buffer): Head | TokenFault {
  const header = objectOf(bytes);
  if (header === undefined) return 'headerJson';
  const { alg, kid } = { alg: own(header, 'alg'), kid: own(header, 'kid') };
  if (typeof alg !== 'string') return 'headerAlg';
  // An extension that must be understood, and none is (RFC 7515 4.1.11); `b64` is one as well (RFC 7797).
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) return 'critical';
  const algorithm = ALGORITHMS.find((one) => one === alg);
  if (algorithm === undefined) return 'algorithm';
  if (kid !== undefined && typeof kid !== 'string') return 'headerKid';
  return { algorithm, keyId: kid };
}

/** What is wrong with the claims that are looked at; undefined: nothing. */
function readClaims(claims: Claims): TokenFault | undefined {
  if (!isTextOrAbsent(own(claims, 'iss'))) return 'issuerType';
  if (!isTextOrAbsent(own(claims, 'sub'))) return 'subjectType';
  if (!isTimeOrAbsent(own(claims, 'iat'))) return 'issuedAtType';
  if (!isTimeOrAbsent(own(claims, 'nbf'))) return 'notBeforeType';
  if (!isTimeOrAbsent(own(claims, 'exp'))) return 'expiryType';
  const audience = own(claims, 'aud');
  const isList = Array.isArray(audience) && audience.every((one) => typeof one === 'string');
  return isList || isTextOrAbsent(audience) ? undefined : 'audienceType';
}

function factsOf(claims: Claims): Pick<ParsedToken, 'audiences' | 'expires' | 'issuedAt' | 'issuer' | 'notBefore'> {
  const audience = own(claims, 'aud');
  const issuer = own(claims, 'iss');
  return {
    issuer: typeof issuer === 'string' ? issuer : undefined,
    audiences: typeof audience === 'string' ? [audience] : Array.isArray(audience) ? audience.map(String) : [],
    expires: timeOf(own(claims, 'exp')),
    notBefore: timeOf(own(claims, 'nbf')),
    issuedAt: timeOf(own(claims, 'iat')),
  };
}

/** Strict: no padding, no other letters, no bits that are lost. */
function decode(text: string): Buffer | undefined {
  if (!BASE64URL.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

function objectOf(bytes: Buffer): Claims | undefined {
  if (!isUtf8(bytes)) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
}

function own(claims: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(claims, key)?.value;
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

/** NumericDate may have a fraction (RFC 7519 2). */
function isTimeOrAbsent(value: unknown): boolean {
  return value === undefined || (typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER);
}

function timeOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
