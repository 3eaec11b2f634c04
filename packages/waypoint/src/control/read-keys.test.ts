import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KEYS_PER_SOURCE } from '../limits.ts';
import { TestKey } from '../test-tokens.ts';
import { readKeys } from './read-keys.ts';

const RSA = new TestKey('RS256', 'rsa').jwk();
const EC = new TestKey('ES256').jwk();

function setOf(...keys: unknown[]): string {
  return JSON.stringify({ keys });
}

describe('a set of keys', () => {
  it.each<[string, Record<string, unknown>, string[]]>([
    ['RSA', RSA, ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
    ['RSA for one algorithm', { ...RSA, alg: 'PS384', use: 'sig', key_ops: ['verify'] }, ['PS384']],
    ['P-256', EC, ['ES256']],
    ['P-384', new TestKey('ES384').jwk(), ['ES384']],
    ['Ed25519', new TestKey('EdDSA').jwk(), ['EdDSA']],
  ])('has a key of %s, which says itself what it is for', async (_, jwk, algorithms) => {
    const { keys, passedOver } = await readKeys(setOf(jwk));
    expect([keys.map((key) => key.algorithms), passedOver]).toEqual([[algorithms], []]);
  });

  it.each<[string, unknown, string]>([
    ['a shared secret', { kty: 'oct', k: 'c2VjcmV0' }, 'of no kind that signs tokens'],
    ['another curve', { ...EC, crv: 'secp256k1' }, 'of no kind that signs tokens'],
    ['a curve of another kind', { ...EC, kty: 'OKP' }, 'of no kind that signs tokens'],
    ['a key for encryption', { ...RSA, use: 'enc' }, 'use'],
    ['a key for signing alone', { ...RSA, key_ops: ['sign'] }, 'key_ops'],
    ['a key for another algorithm', { ...RSA, alg: 'HS256' }, 'alg'],
    ['an RSA key for curves', { ...RSA, alg: 'ES256' }, 'alg'],
    ['a name that is no text', { ...RSA, kid: 1 }, 'kid'],
    ['a short key', { kty: 'RSA', ...shortKey() }, '2048'],
    ['a point that is on no curve', { ...EC, y: EC['x'] }, ''],
    ['no modulus', { kty: 'RSA', e: 'AQAB' }, ''],
    ['nothing', null, 'no key'],
  ])('with %s is used without it', async (_, jwk, reason) => {
    const { keys, passedOver } = await readKeys(setOf(jwk, RSA));
    expect(keys.map(({ id }) => id)).toEqual(['rsa']);
    expect(passedOver).toEqual([expect.stringContaining('keys[0]: ')]);
    expect(passedOver[0]).toContain(reason);
  });

  it('that somebody has published with its private part is of use for checking alone', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const { keys } = await readKeys(setOf(privateKey.export({ format: 'jwk' })));
    expect(keys[0]?.pem).toMatch(/^-----BEGIN PUBLIC KEY-----/);
  });

  it('has so many keys and not more', async () => {
    const { keys, passedOver } = await readKeys(setOf(...new Array<unknown>(KEYS_PER_SOURCE + 2).fill(EC)));
    expect([keys.length, passedOver.length]).toEqual([KEYS_PER_SOURCE, 2]);
  });

  it.each(['', '[]', '{}', '{"keys":{}}', 'null', '<html>'])('is none: %s', async (text) => {
    await expect(readKeys(text)).rejects.toThrow();
  });
});

function shortKey(): object {
  return generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' });
}
