import { type KeyObject, verify } from 'node:crypto';
import type { Clock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { MAX_TOKEN_BYTES, TOKEN_SKEW_MS } from '../limits.ts';
import type { Caller, TokenVerifier } from './caller.ts';

/** The audience that tokens for this controller carry. */
export const TOKEN_AUDIENCE = 'istio-ca';

export interface TokenTrust {
  /** Public keys, P-256, any of which may have signed. */
  readonly keys: readonly KeyObject[];
  readonly issuer: string;
}

/** Verifies tokens by public keys, without asking anybody. */
export class SignedTokens implements TokenVerifier {
  readonly #trust: TokenTrust;
  readonly #clock: Clock;

  constructor(trust: TokenTrust, clock: Clock) {
    this.#trust = trust;
    this.#clock = clock;
  }

  verify(token: string): Promise<Caller> {
    return new Promise((resolve) => resolve(verifyServiceAccountToken(token, this.#trust, this.#clock.wallTime())));
  }
}

/**
 * Verifies a bound ServiceAccount token: a JWS in compact form (RFC 7515) with `alg` ES256, whose claims are
 *
 * - `iss`: the issuer trusted, `aud`: a list (or one text) with `istio-ca` in it
 * - `exp`, `nbf` (seconds since the epoch), both required
 * - `sub`: `system:serviceaccount:<namespace>:<name>`
 * - `kubernetes.io`: `{namespace, serviceaccount: {name}, pod: {name, uid}, node: {name}}`, consistent with `sub`
 *
 * Everything else is not looked at; `kid`, `jku`, `jwk` and `x5c` choose no key. Throws `AMBIT_TOKEN_REFUSED` with the
 * reason, which is for the log and not for the caller. `now` is the wall time in milliseconds.
 */
export function verifyServiceAccountToken(token: string, trust: TokenTrust, now: number): Caller {
  if (token.length > MAX_TOKEN_BYTES) throw refused(`it is longer than ${MAX_TOKEN_BYTES} bytes`);
  const parts = token.split('.');
  const [header = '', payload = '', signature = ''] = parts;
  if (parts.length !== 3) throw refused('it is no JWS in compact form');
  const { alg, crit } = objectOf(header, 'header');
  if (alg !== 'ES256') throw refused('its algorithm is not ES256');
  if (crit !== undefined) throw refused('it has critical headers');
  const signed = Buffer.from(`${header}.${payload}`, 'latin1');
  const bytes = base64Url(signature, 'signature');
  const isSigned = trust.keys.some((key) => verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, bytes));
  if (!isSigned) throw refused('no trusted key has signed it');
  return callerOf(objectOf(payload, 'payload'), trust.issuer, now);
}

function callerOf(claims: Readonly<Record<string, unknown>>, issuer: string, now: number): Caller {
  if (claims['iss'] !== issuer) throw refused('its issuer is another one');
  const audience = claims['aud'];
  const audiences: readonly unknown[] = Array.isArray(audience) ? audience : [audience];
  if (!audiences.includes(TOKEN_AUDIENCE)) throw refused(`its audience is not ${TOKEN_AUDIENCE}`);
  if (secondsOf(claims, 'exp') * 1_000 <= now - TOKEN_SKEW_MS) throw refused('it has expired');
  if (secondsOf(claims, 'nbf') * 1_000 > now + TOKEN_SKEW_MS) throw refused('it is not valid yet');
  const bound = recordOf(claims['kubernetes.io'], 'kubernetes.io');
  const caller: Caller = {
    namespace: textOf(bound, 'namespace'),
    serviceAccount: textOf(recordOf(bound['serviceaccount'], 'serviceaccount'), 'name'),
    podName: textOf(recordOf(bound['pod'], 'pod'), 'name'),
    podUid: textOf(recordOf(bound['pod'], 'pod'), 'uid'),
    nodeName: textOf(recordOf(bound['node'], 'node'), 'name'),
  };
  if (claims['sub'] !== `system:serviceaccount:${caller.namespace}:${caller.serviceAccount}`) {
    throw refused('its subject is not its service account');
  }
  return caller;
}

function objectOf(part: string, what: string): Readonly<Record<string, unknown>> {
  try {
    return recordOf(JSON.parse(base64Url(part, what).toString('utf8')), what);
  } catch (error) {
    throw error instanceof AmbitError ? error : refused(`its ${what} is not JSON`);
  }
}

/** Base64url without padding in its one canonical form (RFC 7515, section 2). */
function base64Url(text: string, what: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (text === '' || bytes.toString('base64url') !== text) throw refused(`its ${what} is not base64url`);
  return bytes;
}

function recordOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused(`its ${what} is no object`);
  return value as Readonly<Record<string, unknown>>;
}

function textOf(record: Readonly<Record<string, unknown>>, name: string): string {
  const value = Object.hasOwn(record, name) ? record[name] : undefined;
  if (typeof value !== 'string' || value === '')
    throw refused(`it carries no ${name}; is it bound to a pod and a node?`);
  return value;
}

function secondsOf(claims: Readonly<Record<string, unknown>>, name: string): number {
  const value = claims[name];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw refused(`it has no ${name}`);
  return value;
}

function refused(reason: string): AmbitError {
  return new AmbitError('AMBIT_TOKEN_REFUSED', `the bearer token is refused: ${reason}`, { source: 'peer' });
}
