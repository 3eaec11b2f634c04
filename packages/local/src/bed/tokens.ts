import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import type { Clock, Timer } from '@ambit/core/clock';
import { TOKEN_RENEW_SECONDS, TOKEN_SECONDS } from './limits.ts';

/** Who a token is for: the pod of a ServiceAccount on a node. */
export interface TokenSubject {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: { readonly name: string; readonly uid: string };
  readonly node: string;
}

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const AUDIENCE = 'istio-ca';

/** Signs tokens as the API server does for pods (bound ServiceAccount tokens), with a key that lives as long as the bed. */
export class TokenIssuer {
  readonly #key: KeyObject;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  }

  /** What verifies the tokens, as PEM. */
  get publicKeyPem(): string {
    return createPublicKey(this.#key).export({ type: 'spki', format: 'pem' });
  }

  issue(subject: TokenSubject, seconds: number = TOKEN_SECONDS): string {
    const now = Math.floor(this.#clock.wallTime() / 1_000);
    const claims = {
      iss: ISSUER,
      sub: `system:serviceaccount:${subject.namespace}:${subject.serviceAccount}`,
      aud: [AUDIENCE],
      iat: now,
      nbf: now,
      exp: now + seconds,
      'kubernetes.io': {
        namespace: subject.namespace,
        node: { name: subject.node },
        pod: subject.pod,
        serviceaccount: { name: subject.serviceAccount },
      },
    };
    const signed = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode(claims)}`;
    // A JWS signature is r and s side by side (RFC 7518 3.4), not their DER form.
    const signature = sign('sha256', Buffer.from(signed), { key: this.#key, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  }
}

/** A file that always holds a good token, written anew long before the old one ends. */
export class TokenFile {
  readonly #path: string;
  readonly #issuer: TokenIssuer;
  readonly #subject: TokenSubject;
  readonly #clock: Clock;
  #renewal: Timer | undefined;

  constructor(path: string, issuer: TokenIssuer, subject: TokenSubject, clock: Clock) {
    this.#path = path;
    this.#issuer = issuer;
    this.#subject = subject;
    this.#clock = clock;
    this.#write();
  }

  close(): void {
    this.#renewal?.cancel();
  }

  #write(): void {
    writeFileSync(`${this.#path}.new`, this.#issuer.issue(this.#subject), { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
    this.#renewal = this.#clock.setTimeout(() => this.#write(), (TOKEN_SECONDS - TOKEN_RENEW_SECONDS) * 1_000, {
      background: true,
    });
  }
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
