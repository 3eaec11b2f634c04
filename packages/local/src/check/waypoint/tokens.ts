import { generateKeyPairSync, sign } from 'node:crypto';
import type { Bench } from '../bench.ts';
import { type Check, eventually } from '../check.ts';
import { withManifest } from '../policy/refusal.ts';
import { byWaypoint, httpAt } from './answers.ts';
import { L7_NAMESPACE, WAYPOINT } from './manifests.ts';

const SERVICE = 'steady';
const IN_FORCE_WITHIN = 3_000;
const TIMEOUT = 3_000;
const ISSUER = 'https://issuer.example.com';

/** A token is refused, or let in; without one, and with one of somebody else, the policy decides. */
export const tokensAtWaypoint: Check<Bench> = {
  name: 'a RequestAuthentication with targetRefs verifies tokens at the waypoint, and an AuthorizationPolicy lets in by what they claim',
  limit: 60_000,
  run: async (bench) => {
    await byWaypoint(bench, `${SERVICE}.${L7_NAMESPACE}`, WAYPOINT);
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const tokenOf = (claims: object): string => {
      const signed = `${encode({ alg: 'EdDSA' })}.${encode(claims)}`;
      return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`;
    };
    const alice = tokenOf({ iss: ISSUER, sub: 'alice', groups: ['staff'] });
    const expected: readonly (readonly [string, string, number])[] = [
      ['a token of the issuer', alice, 200],
      ['no token', '', 403],
      ['a token without the claim', tokenOf({ iss: ISSUER, sub: 'alice' }), 403],
      ['an expired token', tokenOf({ iss: ISSUER, sub: 'alice', groups: ['staff'], exp: 1 }), 401],
      ['a token of another issuer', tokenOf({ iss: 'https://other.example.com', sub: 'alice' }), 401],
      ['a token that was changed', `${alice.slice(0, -4)}AAAA`, 401],
    ];
    await withManifest(
      bench,
      'check-tokens',
      manifest(JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] })),
      async () => {
        for (const [what, token, status] of expected) {
          await eventually(bench.clock, IN_FORCE_WITHIN, `${what} is answered with ${status}`, async () =>
            (await answerTo(bench, token)).startsWith(`HTTP/1.1 ${status} `) ? true : undefined,
          );
        }
      },
    );
    return `${expected.length} requests, each judged by its token`;
  },
};

function manifest(jwks: string): string {
  return `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: ${L7_NAMESPACE}}
spec:
  targetRefs: [{group: "", kind: Service, name: ${SERVICE}}]
  jwtRules:
    - issuer: ${ISSUER}
      jwks: '${jwks}'
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: tokens, namespace: ${L7_NAMESPACE}}
spec:
  targetRefs: [{group: "", kind: Service, name: ${SERVICE}}]
  rules:
    - from: [{source: {requestPrincipals: ["${ISSUER}/*"]}}]
      when: [{key: "request.auth.claims[groups]", values: [staff]}]
`;
}

async function answerTo(bench: Bench, token: string): Promise<string> {
  const field = token === '' ? '' : `Authorization: Bearer ${token}\r\n`;
  const send = `GET / HTTP/1.1\r\nHost: ${SERVICE}\r\n${field}Connection: close\r\n\r\n`;
  const { received } = await bench
    .pod('client')
    .dial({ ...httpAt(bench, `${SERVICE}.${L7_NAMESPACE}`), send, timeout: TIMEOUT });
  return received;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
