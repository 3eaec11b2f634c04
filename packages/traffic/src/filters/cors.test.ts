import { describe, expect, it } from 'vitest';
import type { Cors } from '../model/route-filters.ts';
import { factsOf } from '../test-service.ts';
import { CompiledCors } from './cors.ts';

const ORIGIN = 'https://shop.example';
const exact = (text: string) => ({ kind: 'exact', text, ignoreCase: false }) as const;

const POLICY: Cors = {
  allowOrigins: [exact(ORIGIN)],
  allowMethods: [],
  allowHeaders: [],
  exposeHeaders: [],
  maxAgeSeconds: null,
  allowCredentials: false,
  forwardUnmatchedPreflights: true,
};

const cors = (fields: Partial<Cors> = {}) => new CompiledCors({ ...POLICY, ...fields });

const preflightOf = (
  policy: Partial<Cors>,
  origin = ORIGIN,
  fields: string[] = ['access-control-request-method: PUT'],
) => cors(policy).preflight(factsOf('/', [`origin: ${origin}`, ...fields], 'OPTIONS'));

function permitted(policy: Partial<Cors>, origin: string | undefined, head: string[] = [':status', '200']): string[] {
  cors(policy).permit(factsOf('/', origin === undefined ? [] : [`origin: ${origin}`]), head);
  return head;
}

describe('an origin', () => {
  it.each<[string, Cors['allowOrigins'], string, boolean]>([
    ['the one', [exact(ORIGIN)], ORIGIN, true],
    ['one of several', [exact('https://a.example'), exact(ORIGIN)], ORIGIN, true],
    ['of another scheme', [exact(ORIGIN)], 'http://shop.example', false],
    ['of another port', [exact(ORIGIN)], 'https://shop.example:8443', false],
    ['longer than the one', [exact(ORIGIN)], 'https://shop.example.evil', false],
    ['none', [exact(ORIGIN)], 'null', false],
    ['with the prefix', [{ kind: 'prefix', text: 'https://shop', ignoreCase: false }], ORIGIN, true],
    ['by an expression', [{ kind: 'regex', text: 'https://[a-z]+[.]example', ignoreCase: false }], ORIGIN, true],
    [
      'longer than an expression',
      [{ kind: 'regex', text: 'https://[a-z]+[.]example', ignoreCase: false }],
      'https://shop.example.evil',
      false,
    ],
    ['whatever', [exact('*')], 'https://other.example', true],
    ['nowhere listed', [], ORIGIN, false],
  ])('%s is allowed or not', (_case, allowOrigins, origin, allowed) => {
    expect(permitted({ allowOrigins }, origin).includes('access-control-allow-origin')).toBe(allowed);
    expect(preflightOf({ allowOrigins }, origin) !== undefined).toBe(allowed);
  });
});

describe('an origin that is too long for its expressions', () => {
  const allowOrigins = [{ kind: 'regex', text: '([ab]{0,160}){2}[cd]', ignoreCase: false }] as const;
  const long = 'ab'.repeat(8_000);

  it('gets no permission, and its preflight request is not for the backend', () => {
    expect(permitted({ allowOrigins }, long)).toEqual([':status', '200', 'vary', 'origin']);
    expect(preflightOf({ allowOrigins }, long)).toMatchObject({ status: 200, fields: [] });
    expect(preflightOf({ allowOrigins }, 'ab')).toBeUndefined();
  });
});

describe('a preflight request', () => {
  it.each<[string, Partial<Cors>, string[], string[]]>([
    ['gets its origin back', {}, [], []],
    ['hears of credentials', { allowCredentials: true }, [], ['access-control-allow-credentials', 'true']],
    [
      'hears of methods and fields',
      { allowMethods: ['GET', 'PUT'], allowHeaders: ['x-a', 'x-b'] },
      [],
      ['access-control-allow-methods', 'GET,PUT', 'access-control-allow-headers', 'x-a,x-b'],
    ],
    [
      'gets what it asks for when everything is allowed',
      { allowMethods: ['*'], allowHeaders: ['*'], allowCredentials: true },
      ['access-control-request-headers: x-c,x-d'],
      [
        ...['access-control-allow-credentials', 'true'],
        ...['access-control-allow-methods', 'PUT', 'access-control-allow-headers', 'x-c,x-d'],
      ],
    ],
    ['that asks for no fields gets none', { allowHeaders: ['*'] }, [], []],
    ['hears how long that holds', { maxAgeSeconds: 0 }, [], ['access-control-max-age', '0']],
    ['hears nothing of exposed fields', { exposeHeaders: ['x-e'] }, [], []],
  ])('%s', (_case, policy, asked, told) => {
    const answer = preflightOf(policy, ORIGIN, ['access-control-request-method: PUT', ...asked]);
    expect(answer).toMatchObject({ status: 200, flags: '-', details: 'cors_response', body: '' });
    expect(answer?.fields).toEqual(['access-control-allow-origin', ORIGIN, ...told]);
  });

  it('of another origin goes to the backend, or is answered without permission', () => {
    expect(preflightOf({}, 'https://other.example')).toBeUndefined();
    const answer = preflightOf({ forwardUnmatchedPreflights: false }, 'https://other.example');
    expect([answer?.status, answer?.fields]).toEqual([200, []]);
  });

  it.each([
    ['another method', ['origin: https://shop.example', 'access-control-request-method: PUT'], 'GET'],
    ['no origin', ['access-control-request-method: PUT'], 'OPTIONS'],
    ['no method asked for', ['origin: https://shop.example'], 'OPTIONS'],
  ])('is none with %s', (_case, headers, method) => {
    expect(cors({ forwardUnmatchedPreflights: false }).preflight(factsOf('/', headers, method))).toBeUndefined();
  });
});

describe('an answer', () => {
  it.each<[string, Partial<Cors>, string | undefined, string[], string[]]>([
    ['permits its origin', {}, ORIGIN, [], ['access-control-allow-origin', ORIGIN, 'vary', 'origin']],
    [
      'permits credentials and fields',
      { allowCredentials: true, exposeHeaders: ['x-e', 'x-f'], allowMethods: ['GET'] },
      ORIGIN,
      [],
      [
        ...['access-control-allow-origin', ORIGIN, 'access-control-allow-credentials', 'true'],
        ...['access-control-expose-headers', 'x-e,x-f', 'vary', 'origin'],
      ],
    ],
    [
      'speaks in place of the backend',
      {},
      ORIGIN,
      ['access-control-allow-origin', '*', 'x-a', '1', 'access-control-allow-origin', 'null'],
      ['x-a', '1', 'access-control-allow-origin', ORIGIN, 'vary', 'origin'],
    ],
    [
      'leaves to another origin what the backend says',
      {},
      'https://other.example',
      ['access-control-allow-origin', 'https://other.example'],
      ['access-control-allow-origin', 'https://other.example', 'vary', 'origin'],
    ],
    ['tells caches that the origin matters without one', {}, undefined, [], ['vary', 'origin']],
    ['adds to what it varies by', {}, undefined, ['vary', 'accept'], ['vary', 'accept', 'vary', 'origin']],
    ['does not say it twice', {}, undefined, ['vary', 'accept, Origin'], ['vary', 'accept, Origin']],
    ['does not say it beside everything', {}, undefined, ['vary', '*'], ['vary', '*']],
  ])('%s', (_case, policy, origin, head, expected) => {
    expect(permitted(policy, origin, [...head])).toEqual(expected);
  });
});
