import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_TOKEN_BYTES } from '../limits.ts';
import { ALGORITHMS, parseToken } from './parse-token.ts';
import { TOKEN_FAULTS } from './token-fault.ts';

function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

const HEAD = encode({ alg: 'RS256', kid: 'one' });
const CLAIMS = encode({ iss: 'a', sub: 'b', aud: ['c', 'd'], exp: 10.5, nbf: 1, iat: 2 });
const TOKEN = `${HEAD}.${CLAIMS}.c2ln`;

const base64url = fc.base64String().map((text) => text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''));
const part = fc.oneof(base64url, fc.json().map(encode), fc.string(), fc.constantFrom(HEAD, CLAIMS, ''));

describe('a token', () => {
  it('is read', () => {
    expect(parseToken(TOKEN)).toMatchObject({
      ...{ algorithm: 'RS256', keyId: 'one', issuer: 'a', audiences: ['c', 'd'], expires: 10.5, notBefore: 1 },
      ...{ issuedAt: 2, signed: `${HEAD}.${CLAIMS}`, payload: CLAIMS, signature: Buffer.from('sig') },
    });
  });

  it('of whatever text is read or refused by name, and never half', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.array(part, { maxLength: 5 }).map((parts) => parts.join('.')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const token = parseToken(text);
        if (typeof token === 'string') {
          expect(Object.keys(TOKEN_FAULTS)).toContain(token);
          return;
        }
        // It has one form alone, so that nobody behind reads another token from the same octets.
        const [head = '', payload = '', signature = '', ...rest] = text.split('.');
        expect(rest).toEqual([]);
        expect(`${token.signed}.${token.signature.toString('base64url')}`).toBe(text);
        expect([token.signed, token.payload]).toEqual([`${head}.${payload}`, payload]);
        expect(signature.length).toBeGreaterThan(0);
        expect(ALGORITHMS).toContain(token.algorithm);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is another one, or none, when any of its letters is', () => {
    fc.assert(
      fc.property(fc.nat(TOKEN.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, letter) => {
        const changed = TOKEN.slice(0, at) + letter + TOKEN.slice(at + 1);
        if (changed === TOKEN) return;
        const token = parseToken(changed);
        if (typeof token === 'string') return;
        const original = parseToken(TOKEN);
        if (typeof original === 'string') throw new Error(original);
        expect(token.signed === original.signed && token.signature.equals(original.signature)).toBe(false);
      }),
    );
  });

  it.each<[string, object, string]>([
    ['a head that says none', { alg: 'none' }, 'algorithm'],
    ['a shared secret', { alg: 'HS256' }, 'algorithm'],
    ['an encrypted one', { alg: 'RSA-OAEP' }, 'algorithm'],
    ['an algorithm in another case', { alg: 'rs256' }, 'algorithm'],
    ['what every object has', { alg: 'constructor' }, 'algorithm'],
    ['an empty list of extensions', { alg: 'RS256', crit: [] }, 'critical'],
    ['an empty head', {}, 'headerAlg'],
    ['a key name that is null', { alg: 'RS256', kid: null }, 'headerKid'],
  ])('with %s is refused', (_, head, fault) => {
    expect(parseToken(`${encode(head)}.${CLAIMS}.c2ln`)).toBe(fault);
  });

  it.each<[string, string]>([
    ['{"iss":1}', 'issuerType'],
    ['{"sub":{}}', 'subjectType'],
    ['{"exp":"1"}', 'expiryType'],
    ['{"exp":-1}', 'expiryType'],
    ['{"exp":1e400}', 'expiryType'],
    ['{"nbf":null}', 'notBeforeType'],
    ['{"iat":true}', 'issuedAtType'],
    ['{"aud":{}}', 'audienceType'],
    ['{"aud":[["a"]]}', 'audienceType'],
    ['[]', 'payloadJson'],
    ['null', 'payloadJson'],
    ['\u0000', 'payloadJson'],
    ['', 'format'],
  ])('that claims %s is refused', (claims, fault) => {
    expect(parseToken(`${HEAD}.${encode(claims)}.c2ln`)).toBe(fault);
  });

  it.each<[string, string, string]>([
    [
      'octets that are no UTF-8',
      `${HEAD}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.c2ln`,
      'payloadJson',
    ],
    ['bits that are lost', `${HEAD}.${CLAIMS}.c2m`, 'signatureBase64'],
    ['a line break', `${HEAD}\n.${CLAIMS}.c2ln`, 'headerBase64'],
    ['too many letters', `${HEAD}.${CLAIMS}.${'A'.repeat(MAX_TOKEN_BYTES)}`, 'tooLarge'],
    ['brackets a thousand deep', `${HEAD}.${encode('['.repeat(4_000))}.c2ln`, 'payloadJson'],
  ])('with %s is refused', (_, text, fault) => {
    expect(parseToken(text)).toBe(fault);
  });
});
