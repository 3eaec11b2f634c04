import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** A signer of ServiceAccount-shaped tokens for tests. */
export interface TestSigner {
  readonly publicKey: KeyObject;
  readonly publicKeyPem: string;
  /** A token for a caller; `change` replaces claims, `header` the header. */
  token(options?: { claims?: Record<string, unknown>; header?: Record<string, unknown> }): string;
}

export const ISSUER = 'https://kubernetes.default.svc.cluster.local';

/** Claims of node a's ztunnel, valid for an hour around `now` (milliseconds). */
export function ztunnelClaims(now: number = Date.now()): Record<string, unknown> {
  const seconds = Math.floor(now / 1_000);
  return {
    iss: ISSUER,
    sub: 'system:serviceaccount:istio-system:ztunnel',
    aud: ['istio-ca'],
    iat: seconds - 60,
    nbf: seconds - 60,
    exp: seconds + 3_600,
    'kubernetes.io': {
      namespace: 'istio-system',
      node: { name: 'a', uid: 'node-a' },
      pod: { name: 'ztunnel-a', uid: 'uid-ztunnel-a' },
      serviceaccount: { name: 'ztunnel', uid: 'sa' },
    },
  };
}

export function testSigner(): TestSigner {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const publicKey = createPublicKey(privateKey);
  return {
    publicKey,
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }),
    token({ claims = {}, header = { alg: 'ES256', typ: 'JWT' } } = {}) {
      const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
      const signed = `${part(header)}.${part({ ...ztunnelClaims(), ...claims })}`;
      const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${signed}.${signature.toString('base64url')}`;
    },
  };
}
