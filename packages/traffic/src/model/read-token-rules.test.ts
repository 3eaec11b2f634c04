import type { TokenRule, TokenRuleSchema } from '@ambit/proto/waypoint';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { MAX_JWKS_BYTES, MAX_KEY_URI_LENGTH, MAX_TOKEN_PLACES, MAX_TOKEN_RULES } from '../limits.ts';
import { cartService, read } from '../test-service.ts';

type RuleInit = Exclude<MessageInitShape<typeof TokenRuleSchema>, TokenRule>;

const RULE: RuleInit = {
  policy: 'shop/tokens',
  issuer: 'https://issuer.example.com',
  audiences: ['shop'],
  keys: { case: 'jwksUri', value: 'https://issuer.example.com/keys' },
  fetchTimeoutMs: 5_000,
  headers: [{ name: 'authorization', prefix: 'Bearer ' }],
  parameters: ['access_token'],
  cookies: ['token'],
  forwardToken: true,
  payloadHeader: 'x-payload',
  claimHeaders: [{ header: 'x-user', claim: 'sub' }],
  spaceDelimitedClaims: ['roles'],
};

function rulesOf(...tokenRules: RuleInit[]) {
  return read(cartService({ tokenRules })).tokenRules;
}

describe('a rule for tokens', () => {
  it('is read into a model that JSON does not change', () => {
    const { keys, ...others } = RULE;
    const rules = rulesOf(RULE);
    expect(rules).toEqual([{ ...others, keys: { kind: 'uri', uri: keys?.value } }]);
    expect(JSON.parse(JSON.stringify(rules))).toEqual(rules);
  });

  it.each<[NonNullable<RuleInit['keys']>, object]>([
    [
      { case: 'jwks', value: '{"keys":[]}' },
      { kind: 'inline', jwks: '{"keys":[]}' },
    ],
    [
      { case: 'discovery', value: true },
      { kind: 'discovery', issuer: 'https://issuer.example.com' },
    ],
  ])('has keys of %j', (keys, expected) => {
    expect(rulesOf({ ...RULE, keys })[0]?.keys).toEqual(expected);
  });

  it.each<[string, Partial<RuleInit>, string]>([
    ['no keys', { keys: { case: undefined } }, '.keys: are not set'],
    ['keys of no place', { keys: { case: 'jwksUri', value: 'keys' } }, '.jwks_uri: is no URI of http or https'],
    ['keys of a file', { keys: { case: 'jwksUri', value: 'file:///etc/passwd' } }, '.jwks_uri: is no URI of http'],
    ['keys behind a password', { keys: { case: 'jwksUri', value: 'https://a:b@c/' } }, '.jwks_uri: has a user name'],
    [
      'keys of a place with a long name',
      { keys: { case: 'jwksUri', value: `https://a/${'b'.repeat(MAX_KEY_URI_LENGTH)}` } },
      'characters, more than',
    ],
    ['an issuer that nobody can ask', { issuer: 'me', keys: { case: 'discovery', value: true } }, '.issuer: is no URI'],
    ['nobody to ask', { issuer: '', keys: { case: 'discovery', value: true } }, '.issuer: is no URI'],
    ['keys that are no JSON', { keys: { case: 'jwks', value: '{' } }, '.jwks: is no JSON'],
    ['keys that are no set', { keys: { case: 'jwks', value: '[]' } }, '.jwks: has no list of keys'],
    [
      'too many keys',
      { keys: { case: 'jwks', value: ' '.repeat(MAX_JWKS_BYTES + 1) } },
      '.jwks: has 262145 characters',
    ],
    ['no place', { headers: [], parameters: [], cookies: [] }, 'token_rules[0]: says nowhere where tokens are'],
    ['too many places', { cookies: new Array<string>(MAX_TOKEN_PLACES).fill('a') }, 'looks for tokens in 34 places'],
    ['a place without name', { cookies: [''] }, '.cookies: one of them has no name'],
    ['a header in upper case', { headers: [{ name: 'X-Token' }] }, '.headers[0].name: "X-Token" is not the name'],
    ['the header that says who the host is', { headers: [{ name: 'host' }] }, '.headers[0].name: "host" is changed'],
    [
      'a header of framing for claims',
      { payloadHeader: 'content-length' },
      '.payload_header: "content-length" belongs',
    ],
    [
      'a header for claims that only proxies may say',
      { claimHeaders: [{ header: 'x_forwarded-client-cert', claim: 'sub' }] },
      '.claim_headers[0].header: "x_forwarded-client-cert" is said by proxies only',
    ],
    ['no claim for a header', { claimHeaders: [{ header: 'x-user' }] }, '.claim_headers[0].claim: is empty'],
    ['no time for an answer', { fetchTimeoutMs: 0 }, '.fetch_timeout_ms: 0 is not from 1'],
  ])('with %s is refused', (_, fields, problem) => {
    expect(() => rulesOf({ ...RULE, ...fields })).toThrow(problem);
  });

  it('is refused with too many others', () => {
    expect(() => rulesOf(...new Array<RuleInit>(MAX_TOKEN_RULES + 1).fill(RULE))).toThrow(
      'they are 129, more than 128',
    );
  });
});
