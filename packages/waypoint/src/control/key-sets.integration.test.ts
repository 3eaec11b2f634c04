import type { RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { ManualClock, systemClock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { testCertificate } from '@ambit/native/test-certificates';
import { Metrics } from '@ambit/telemetry/metrics';
import { keySourceName, type KeySource, type TokenRule } from '@ambit/traffic/model/token-rule';
import { describe, expect, it, vi } from 'vitest';
import { JWKS_AGE_MS, JWKS_REFETCH_MS, JWKS_REFRESH_MS, JWKS_RETRY_MAX_MS, JWKS_SOURCE_LIMIT } from '../limits.ts';
import type { TokenKey, TokenKeysChange } from '../messages.ts';
import { serving, TestIssuer, text } from '../test-issuer.ts';
import { TestKey, tokenRule } from '../test-tokens.ts';
import { forbiddenAddress } from './fetch-guard.ts';
import { guardedFetch, type GuardedFetchOptions } from './guarded-fetch.ts';
import { KeySets } from './key-sets.ts';

const ONE = new TestKey('ES256', 'one');
const TWO = new TestKey('ES256', 'two');

/** What the waypoint's main thread does, with a clock of its own. */
class Bed {
  readonly clock = new ManualClock();
  readonly changes: TokenKeysChange[] = [];
  readonly log: unknown[] = [];
  readonly metrics = new Metrics();
  readonly sets: KeySets;

  constructor(options: Partial<GuardedFetchOptions> = {}) {
    const note = (line: unknown): void => {
      this.log.push(line);
    };
    this.sets = new KeySets({
      ...{ clock: this.clock, random: () => 0, metrics: this.metrics },
      log: { info: note, warn: note, error: note } as unknown as Logger,
      fetch: guardedFetch({
        clock: systemClock,
        lookUp: () => Promise.resolve(['127.0.0.1']),
        forbidden: () => undefined,
        limit: 10_000,
        ...options,
      }),
      broadcast: (change) => {
        this.changes.push(change);
      },
    });
  }

  /** The names of the keys of a source, as data threads were told last; undefined: they were told nothing. */
  keys(source: KeySource): (string | undefined)[] | undefined {
    const told = this.changes
      .flatMap(({ changed }) => changed)
      .filter(({ source: name }) => name === keySourceName(source));
    return told.at(-1)?.keys.map(({ id }: TokenKey) => id);
  }

  count(family: string, label: string): number {
    this.sets.measure();
    const found = this.metrics.snapshot().find(({ name }) => name === family);
    return found?.samples.find(({ labels }) => labels[0] === label)?.values[0] ?? 0;
  }

  async follow(...rules: TokenRule[]): Promise<void> {
    await this.sets.follow([{ tokenRules: rules }]);
  }
}

function at(issuer: TestIssuer, path = '/keys'): { rule: TokenRule; source: KeySource } {
  const source: KeySource = { kind: 'uri', uri: `${issuer.origin}${path}` };
  return { source, rule: tokenRule({ keys: source }) };
}

/** Until attempts have ended. */
async function attempts(bed: Bed, results: Readonly<Record<string, number>>): Promise<void> {
  await vi.waitFor(() => {
    for (const [result, count] of Object.entries(results)) {
      expect([result, bed.count('ambit_jwks_fetches_total', result)]).toEqual([result, count]);
    }
  }, 5_000);
}

describe('public keys of an issuer', () => {
  it('are fetched, and fetched again every 20 minutes', async () => {
    const issuer = await new TestIssuer(serving(ONE)).start();
    const { rule, source } = at(issuer);
    const bed = new Bed();
    await bed.follow(rule);
    await attempts(bed, { fetched: 1 });
    expect(bed.keys(source)).toEqual(['one']);
    issuer.answer = serving(ONE, TWO);
    bed.clock.advance(JWKS_REFRESH_MS - 1);
    expect(issuer.hits).toEqual(['/keys']);
    bed.clock.advance(1);
    await attempts(bed, { fetched: 2 });
    expect(bed.keys(source)).toEqual(['one', 'two']);
  });

  it('that do not come any more are used until they are a day old, and not a moment longer', async () => {
    const issuer = await new TestIssuer(serving(ONE)).start();
    const { rule, source } = at(issuer);
    const bed = new Bed();
    await bed.follow(rule);
    await attempts(bed, { fetched: 1 });
    await issuer.stop();
    bed.clock.advance(JWKS_REFRESH_MS);
    await attempts(bed, { unreachable: 1 });
    expect([bed.keys(source), bed.count('ambit_jwks_sources', 'stale')]).toEqual([['one'], 1]);
    expect(bed.log).toContainEqual(expect.objectContaining({ code: 'AMBIT_JWKS', result: 'unreachable', kept: true }));
    bed.clock.advance(JWKS_AGE_MS - JWKS_REFRESH_MS - 1);
    await attempts(bed, { unreachable: 2 });
    expect(bed.keys(source)).toEqual(['one']);
    bed.clock.advance(JWKS_RETRY_MAX_MS);
    await attempts(bed, { unreachable: 3 });
    expect([bed.keys(source), bed.count('ambit_jwks_sources', 'none')]).toEqual([[], 1]);
    await issuer.start();
    bed.clock.advance(JWKS_RETRY_MAX_MS);
    await attempts(bed, { fetched: 2 });
    expect([bed.keys(source), bed.count('ambit_jwks_sources', 'fresh')]).toEqual([['one'], 1]);
  });

  it('that never came are asked for again, less and less often', async () => {
    const issuer = await new TestIssuer(text('', 500)).start();
    const bed = new Bed();
    await bed.follow(at(issuer).rule);
    await attempts(bed, { unreachable: 1 });
    for (const [attempt, pause] of [1_000, 2_000, 4_000].entries()) {
      bed.clock.advance(pause - 1);
      expect(issuer.hits).toHaveLength(attempt + 1);
      bed.clock.advance(1);
      await attempts(bed, { unreachable: attempt + 2 });
    }
  });

  it('are not there when an issuer answers with nothing, however well it means that', async () => {
    const bed = new Bed();
    await bed.follow(at(await new TestIssuer(text('')).start()).rule);
    await attempts(bed, { unusable: 1 });
  });

  it('are fetched again for a token that names another one, once in a while, and whoever waits is told', async () => {
    const issuer = await new TestIssuer(serving(ONE)).start();
    const { rule, source } = at(issuer);
    const bed = new Bed();
    await bed.follow(rule);
    await attempts(bed, { fetched: 1 });
    issuer.answer = serving(TWO);
    await bed.sets.wanted(keySourceName(source));
    expect([bed.keys(source), bed.changes.at(-1)?.settled]).toEqual([['one'], [keySourceName(source)]]);
    bed.clock.advance(JWKS_REFETCH_MS);
    await Promise.all([1, 2, 3].map(() => bed.sets.wanted(keySourceName(source))));
    expect([bed.keys(source), issuer.hits.length]).toEqual([['two'], 2]);
  });

  it('that the issuer has taken back are not used any more', async () => {
    const issuer = await new TestIssuer(serving(ONE)).start();
    const { rule, source } = at(issuer);
    const bed = new Bed();
    await bed.follow(rule);
    await attempts(bed, { fetched: 1 });
    issuer.answer = serving();
    bed.clock.advance(JWKS_REFRESH_MS);
    await attempts(bed, { fetched: 2 });
    expect(bed.keys(source)).toEqual([]);
  });

  it('that nobody asks for any more are forgotten, and not fetched again', async () => {
    const issuer = await new TestIssuer(serving(ONE)).start();
    const { rule, source } = at(issuer);
    const bed = new Bed();
    await bed.follow(rule);
    await attempts(bed, { fetched: 1 });
    bed.sets.keepOnly([]);
    expect(bed.changes.at(-1)).toMatchObject({ removed: [keySourceName(source)] });
    bed.clock.advance(2 * JWKS_REFRESH_MS);
    // Longer than it takes to fetch them.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([issuer.hits.length, bed.sets.all().changed]).toEqual([1, []]);
  });

  it('that the rule brings are there before the rule is in force', async () => {
    const bed = new Bed();
    const keys: KeySource = { kind: 'inline', jwks: JSON.stringify({ keys: [ONE.jwk(), { kty: 'oct', k: 'AA' }] }) };
    await bed.follow(tokenRule({ keys }));
    expect(bed.keys(keys)).toEqual(['one']);
    expect(bed.log).toContainEqual(
      expect.objectContaining({ policy: 'shop/tokens', passedOver: [expect.any(String)] }),
    );
  });

  it('are where the OpenID configuration of the issuer says', async () => {
    const issuer = new TestIssuer(serving(ONE));
    await issuer.start();
    const [keys, configuration] = [serving(ONE), (uri: string) => text(JSON.stringify({ jwks_uri: uri }))];
    issuer.answer = (request, response) => {
      const isKeys = request.url === '/the/keys';
      (isKeys ? keys : configuration(`${issuer.origin}/the/keys`))(request, response);
    };
    const source: KeySource = { kind: 'discovery', issuer: `${issuer.origin}/realm/` };
    const bed = new Bed();
    await bed.follow(tokenRule({ keys: source }));
    await attempts(bed, { fetched: 1 });
    expect(issuer.hits).toEqual(['/realm/.well-known/openid-configuration', '/the/keys']);
    expect(bed.keys(source)).toEqual(['one']);
  });

  it('of more places than a waypoint asks are not fetched, and the log says so', async () => {
    const bed = new Bed({ lookUp: () => Promise.resolve([]) });
    const rules = Array.from({ length: JWKS_SOURCE_LIMIT + 1 }, (_, index) =>
      tokenRule({ keys: { kind: 'uri', uri: `http://issuer-${index}.test/keys` } }),
    );
    await bed.follow(...rules);
    expect(bed.log).toContainEqual(expect.objectContaining({ place: `http://issuer-${JWKS_SOURCE_LIMIT}.test/keys` }));
    bed.sets.keepOnly([]);
  });
});

describe('keys are not taken', () => {
  it.each<[string, (issuer: TestIssuer) => RequestListener, string, RegExp]>([
    ['that are none', () => text('<html>'), 'unusable', /JSON/],
    ['that are no set', () => text('{"error":"no"}'), 'unusable', /no list of keys/],
    ['of a wrong path', () => text('', 404), 'unreachable', /status 404/],
    ['that are too many', () => text(' '.repeat(10_001)), 'unreachable', /larger than 10000 bytes/],
    [
      'behind a redirect to elsewhere',
      () => text('', 302, { location: 'http://other.test/keys' }),
      'forbidden',
      /origin/,
    ],
    [
      'behind a redirect to another port',
      () => text('', 302, { location: 'http://issuer.test:1/' }),
      'forbidden',
      /origin/,
    ],
    ['behind a redirect in circles', () => text('', 302, { location: '/keys' }), 'unreachable', /too often/],
  ])('%s', async (_, answer, result, reason) => {
    const issuer = new TestIssuer(serving(ONE));
    issuer.answer = answer(issuer);
    await issuer.start();
    const { rule, source } = at(issuer);
    const bed = new Bed();
    await bed.follow(rule);
    await attempts(bed, { [result]: 1 });
    expect(bed.keys(source)).toBeUndefined();
    expect(bed.log).toContainEqual(
      expect.objectContaining({ result, reason: expect.stringMatching(reason) as string }),
    );
  });

  it('that take too long, drop by drop', async () => {
    const issuer = await new TestIssuer((_request, response) => {
      response.writeHead(200).write('{"keys":');
      const drip = setInterval(() => response.write(' '), 20);
      response.on('close', () => {
        clearInterval(drip);
      });
    }).start();
    const bed = new Bed();
    const { rule } = at(issuer);
    await bed.follow({ ...rule, fetchTimeoutMs: 100 });
    await attempts(bed, { unreachable: 1 });
    expect(bed.log).toContainEqual(expect.objectContaining({ reason: 'no answer in time' }));
  });

  it('but behind a redirect within the origin they are', async () => {
    const issuer = await new TestIssuer(serving(ONE)).start();
    const keys = serving(ONE);
    issuer.answer = (request, response) => {
      (request.url === '/keys' ? text('', 308, { location: '/v2/keys' }) : keys)(request, response);
    };
    const { rule, source } = at(issuer);
    const bed = new Bed();
    await bed.follow(rule);
    await attempts(bed, { fetched: 1 });
    expect([bed.keys(source), issuer.hits]).toEqual([['one'], ['/keys', '/v2/keys']]);
  });

  it.each([
    'http://127.0.0.1',
    'http://[::1]',
    'http://2130706433',
    'http://0x7f.1',
    'http://[::ffff:127.0.0.1]',
    'http://0',
  ])('from this machine: %s', async (origin) => {
    const issuer = await new TestIssuer(serving(ONE)).start();
    const bed = new Bed({ forbidden: forbiddenAddress, lookUp: () => Promise.reject(new Error('no name')) });
    await bed.follow(tokenRule({ keys: { kind: 'uri', uri: `${origin}:${issuer.port}/keys` } }));
    await attempts(bed, { forbidden: 1 });
    expect(issuer.hits).toEqual([]);
  });

  it('from a name that leads to this machine, also beside other places', async () => {
    const issuer = await new TestIssuer(serving(ONE)).start();
    const bed = new Bed({ forbidden: forbiddenAddress, lookUp: () => Promise.resolve(['192.0.2.1', '127.0.0.1']) });
    await bed.follow(at(issuer).rule);
    await attempts(bed, { forbidden: 1 });
    expect([issuer.hits, bed.log]).toEqual([
      [],
      [expect.objectContaining({ result: 'forbidden', reason: '127.0.0.1 is a loopback address' })],
    ]);
  });

  it('from another address than the one that was judged', async () => {
    const issuer = await new TestIssuer(serving(ONE)).start();
    const answers = [['127.0.0.1'], ['192.0.2.1']];
    const judged: string[] = [];
    const bed = new Bed({
      lookUp: () => Promise.resolve(answers.shift() ?? []),
      forbidden: (ip) => {
        judged.push(ip);
        return undefined;
      },
    });
    await bed.follow(at(issuer).rule);
    await attempts(bed, { fetched: 1 });
    expect([judged, issuer.hits.length]).toEqual([['127.0.0.1'], 1]);
  });
});

describe('an issuer with https', () => {
  const authority = testCertificate({ authority: true });
  const { certificatePem: cert, privateKeyPem: key } = testCertificate({ issuer: authority, dns: ['issuer.test'] });

  it.each<[string, string, string]>([
    ['is believed by its name and authority', 'issuer.test', 'fetched'],
    ['is not believed by another name', 'other.test', 'unreachable'],
  ])('%s', async (_, name, result) => {
    const issuer = await new TestIssuer(serving(ONE)).start((listener) => createTlsServer({ cert, key }, listener));
    const bed = new Bed({ authorities: authority.certificatePem });
    await bed.follow(tokenRule({ keys: { kind: 'uri', uri: `https://${name}:${issuer.port}/keys` } }));
    await attempts(bed, { [result]: 1 });
  });

  it('is not believed by an authority that nobody knows', async () => {
    const issuer = await new TestIssuer(serving(ONE)).start((listener) => createTlsServer({ cert, key }, listener));
    const bed = new Bed();
    await bed.follow(tokenRule({ keys: { kind: 'uri', uri: `https://issuer.test:${issuer.port}/keys` } }));
    await attempts(bed, { unreachable: 1 });
    expect(issuer.hits).toEqual([]);
  });
});
