import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifyServiceAccountToken } from './service-account-token.ts';
import { ISSUER, testSigner, ztunnelClaims } from './test-tokens.ts';

const signer = testSigner();
const trust = { keys: [testSigner().publicKey, signer.publicKey], issuer: ISSUER };
const now = Date.now();
const verified = (token: string): unknown => verifyServiceAccountToken(token, trust, now);
const bound = ztunnelClaims()['kubernetes.io'] as Record<string, unknown>;

describe('verifyServiceAccountToken', () => {
  it('tells pod, node and service account', () => {
    expect(verified(signer.token())).toEqual({
      namespace: 'istio-system',
      serviceAccount: 'ztunnel',
      podName: 'ztunnel-a',
      podUid: 'uid-ztunnel-a',
      nodeName: 'a',
    });
    expect(verified(signer.token({ claims: { aud: 'istio-ca' } }))).toBeDefined();
  });

  it.each([
    ['another issuer', { iss: 'https://elsewhere' }, /issuer/],
    ['another audience', { aud: ['api'] }, /audience/],
    ['no audience', { aud: undefined }, /audience/],
    ['an expired one', { exp: now / 1_000 - 60 }, /expired/],
    ['one without expiry', { exp: undefined }, /no exp/],
    ['an expiry that is text', { exp: '9999999999' }, /no exp/],
    ['one from the future', { nbf: now / 1_000 + 60 }, /not valid yet/],
    ['one without beginning', { nbf: undefined }, /no nbf/],
    ['a subject that differs', { sub: 'system:serviceaccount:istio-system:istiod' }, /subject/],
    ['no binding', { 'kubernetes.io': undefined }, /kubernetes.io/],
    ['no pod', { 'kubernetes.io': { ...bound, pod: undefined } }, /pod/],
    ['an empty uid', { 'kubernetes.io': { ...bound, pod: { name: 'x', uid: '' } } }, /uid/],
    ['no node', { 'kubernetes.io': { ...bound, node: undefined } }, /node/],
  ])('refuses %s', (_name, claims, reason) => {
    expect(() => verified(signer.token({ claims }))).toThrow(reason);
  });

  it.each([
    ['no signature algorithm', { alg: 'none' }],
    ['a symmetric algorithm', { alg: 'HS256' }],
    ['another curve', { alg: 'ES384' }],
    ['critical headers', { alg: 'ES256', crit: ['b64'], b64: false }],
  ])('refuses a header with %s', (_name, header) => {
    expect(() => verified(signer.token({ header }))).toThrow(/AMBIT_TOKEN_REFUSED|refused/);
  });

  it('refuses what another key signed, also with the public key as secret', () => {
    expect(() => verified(testSigner().token())).toThrow(/no trusted key/);
    const [header = '', payload = ''] = signer.token({ header: { alg: 'HS256' } }).split('.');
    const mac = createHmac('sha256', signer.publicKeyPem).update(`${header}.${payload}`).digest('base64url');
    expect(() => verified(`${header}.${payload}.${mac}`)).toThrow(/ES256/);
  });

  it('refuses any change of any character', () => {
    const token = signer.token();
    const position = fc.nat({ max: token.length - 1 });
    fc.assert(
      fc.property(position, fc.constantFrom('A', 'z', '0', '-', '.', '=', ' '), (at, character) => {
        fc.pre(token[at] !== character);
        expect(() => verified(token.slice(0, at) + character + token.slice(at + 1))).toThrow(/refused/);
      }),
    );
    expect(() => verified(`${token}=`)).toThrow(/refused/);
    expect(() => verified(`${token}.${token}`)).toThrow(/refused/);
    expect(() => verified('')).toThrow(/refused/);
    expect(() => verified('a'.repeat(100_000))).toThrow(/longer/);
  });
});
