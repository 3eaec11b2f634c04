import { connect } from 'node:tls';
import { systemClock } from '@ambit/core/clock';
import { createLogger } from '@ambit/core/log';
import { TestAuthority } from '@ambit/identity/test-authority';
import { DEFAULT_SETTINGS } from '@ambit/translation/translate/settings';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_ADMISSION_BYTES } from '../limits.ts';
import { Counters } from '../serve/counters.ts';
import type { ServedCertificate } from '../serve/server-credentials.ts';
import { AdmissionServer } from './admission-server.ts';
import { judgeAdmission } from './judge.ts';
import { ask, type Asked, reviewOf, type Sent, send } from './test-review.ts';

/** How long the server goes on when it stops, milliseconds. */
const LINGER_MS = 500;

let server: AdmissionServer;
let authority: TestAuthority;
let address: string;
let port: number;
let renew: (certificate: ServedCertificate) => void;
const counters = new Counters();

async function certificate(of: TestAuthority): Promise<ServedCertificate> {
  const issued = await of.issue(undefined, { dnsNames: ['istiod.istio-system.svc'] });
  return { chainPem: issued.certificateChainPem, privateKeyPem: issued.privateKeyPem };
}

beforeAll(async () => {
  authority = await TestAuthority.create();
  const first = await certificate(authority);
  server = new AdmissionServer({
    judge: (request) => judgeAdmission(request, DEFAULT_SETTINGS),
    lingerMs: LINGER_MS,
    counters,
    clock: systemClock,
    log: createLogger('test', { level: 'silent' }),
  });
  const follow = (use: typeof renew): void => {
    renew = use;
    use(first);
  };
  ({ port } = await server.listen({ ip: '127.0.0.1', port: 0 }, { follow }));
  address = `https://127.0.0.1:${port}`;
});
afterAll(() => server.destroy());

const metadata = { name: 'a', namespace: 'shop' };
const policy = (spec: object, more: object = {}): object => ({
  ...{ apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy', metadata: { ...metadata, ...more }, spec },
});
const virtual = (spec: object): object => ({
  ...{ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata, spec },
});
const other = (apiVersion: string, kind: string, spec: object = {}): object => ({ apiVersion, kind, metadata, spec });

const RIGHT = { action: 'DENY', rules: [{ to: [{ operation: { ports: ['80'] } }] }] };
const WRONG = { ruls: [] };
const route = [{ destination: { host: 'web' } }];

describe('an object that is to be stored', () => {
  it.each<[string, Asked]>([
    ['right', { object: policy(RIGHT) }],
    ['right, in a dry run', { object: policy(RIGHT), dryRun: true }],
    ['of an older version', { object: { ...policy(RIGHT), apiVersion: 'security.istio.io/v1beta1' } }],
    ['without a name yet', { object: policy(RIGHT, { name: undefined, generateName: 'a-' }) }],
    ['with what the API server writes', { object: policy(RIGHT, { managedFields: [{ x: 1 }], selfLink: '' }) }],
    ['with a status', { object: { ...policy(RIGHT), status: { conditions: 'odd' } } }],
    [
      'changed in its metadata alone',
      { operation: 'UPDATE', object: policy(WRONG, { labels: { a: 'b' } }), oldObject: policy(WRONG) },
    ],
    [
      'freed of its finalizer',
      { operation: 'UPDATE', object: policy(WRONG), oldObject: policy(WRONG, { finalizers: ['x/y'] }) },
    ],
    [
      'changed on its way out',
      {
        operation: 'UPDATE',
        object: policy({ ruls: 1 }, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
        oldObject: policy(WRONG),
      },
    ],
    ['deleted', { operation: 'DELETE', object: null, oldObject: policy(WRONG) }],
    [
      'changed in its status',
      { operation: 'UPDATE', subResource: 'status', object: policy(WRONG), oldObject: policy(RIGHT) },
    ],
    ['put right', { operation: 'UPDATE', object: policy(RIGHT), oldObject: policy(WRONG) }],
    ['of the core group', { object: { apiVersion: 'v1', kind: 'ConfigMap', metadata } }],
  ])('is let in without a word: %s', async (_name, asked) => {
    expect(await ask(address, authority.rootPem, asked)).toEqual({ uid: 'u-1', allowed: true, warnings: [] });
  });

  it.each<[string, Asked, string | RegExp]>([
    [
      'an unknown field',
      { object: policy(WRONG) },
      'AuthorizationPolicy shop/a: spec.ruls: unknown field "ruls" (did you mean rules?)',
    ],
    ['made wrong', { operation: 'UPDATE', object: policy(WRONG), oldObject: policy(RIGHT) }, /spec\.ruls/],
    [
      'wrong and otherwise wrong',
      { operation: 'UPDATE', object: policy({ ruls: 1 }), oldObject: policy(WRONG) },
      /spec\.ruls/,
    ],
    ['in a dry run', { object: policy(WRONG), dryRun: true }, /spec\.ruls/],
    [
      'two mistakes',
      { object: policy({ rules: [{ from: [] }, { when: [{ key: 'request.headrs[x]', values: ['a'] }] }] }) },
      /^AuthorizationPolicy shop\/a: spec\.rules\[0\]\.from: .*; spec\.rules\[1\]\.when\[0\]\.key: .*/,
    ],
    [
      'ports without a selector',
      { object: other('security.istio.io/v1', 'PeerAuthentication', { portLevelMtls: { 80: { mode: 'STRICT' } } }) },
      /^PeerAuthentication shop\/a: spec\.portLevelMtls: needs a selector/,
    ],
    [
      'two targets',
      {
        object: other('security.istio.io/v1', 'RequestAuthentication', {
          selector: {},
          targetRefs: [{ group: '', kind: 'Service', name: 'web' }],
        }),
      },
      /only one of selector/,
    ],
    [
      'two subsets of a name',
      {
        object: other('networking.istio.io/v1', 'DestinationRule', {
          host: 'web',
          subsets: [{ name: 'a' }, { name: 'a' }],
        }),
      },
      /^DestinationRule shop\/a: spec\.subsets\[1\]\.name: another subset/,
    ],
    [
      'a match of nothing',
      { object: virtual({ hosts: ['web'], http: [{ match: [{ uri: { prefix: '' } }], route }] }) },
      /^VirtualService shop\/a: spec\.http\[0\]\.match\[0\]\.uri/,
    ],
    [
      'that many mistakes',
      { object: policy({ rules: Array.from({ length: 30 }, () => ({ from: [] })) }) },
      /; and 20 more$/,
    ],
    [
      'nests',
      { object: policy(JSON.parse(`${'{"a":'.repeat(500)}1${'}'.repeat(500)}`) as object) },
      /^AuthorizationPolicy shop\/a: .*nested too deeply/,
    ],
  ])('is refused: %s', async (_name, asked, message) => {
    const verdict = await ask(address, authority.rootPem, asked);
    expect(verdict).toMatchObject({ uid: 'u-1', allowed: false });
    if (typeof message === 'string') expect(verdict.message).toBe(message);
    else expect(verdict.message).toMatch(message);
  });

  it.each<[string, object, RegExp]>([
    [
      'what node proxies cannot judge',
      policy({ rules: [{ to: [{ operation: { methods: ['GET'] } }] }] }),
      /^AuthorizationPolicy shop\/a: node proxies cannot judge/,
    ],
    [
      'a field that is not honoured',
      virtual({ hosts: ['web'], http: [{ retries: { attempts: 1, retryOn: 'odd' }, route }] }),
      /retryOn odd: not honoured/,
    ],
    [
      'a field without effect',
      virtual({ hosts: ['web'], http: [{ fault: { abort: { httpStatus: 503 } }, route }] }),
      /aborts nothing/,
    ],
    [
      'a field of old',
      virtual({ hosts: ['web'], http: [{ mirror: { host: 'b' }, mirrorPercent: 3, route }] }),
      /deprecated/,
    ],
    [
      'a kind on which nobody acts',
      other('networking.istio.io/v1', 'Sidecar'),
      /^Sidecar shop\/a: not honoured: waypoints do not know/,
    ],
    [
      'a kind that nobody knows',
      other('networking.istio.io/v1', 'Teleporter'),
      /^Teleporter shop\/a: .*nothing of it has an effect$/,
    ],
    [
      'a version that nobody knows',
      other('security.istio.io/v9', 'AuthorizationPolicy', WRONG),
      /nothing of it has an effect$/,
    ],
    [
      'text with a line break',
      virtual({ hosts: ['web'], http: [{ retries: { attempts: 1, retryOn: 'a\r\nb' }, route }] }),
      /^\P{C}*$/u,
    ],
    [
      'text without end',
      virtual({ hosts: ['web'], http: [{ retries: { attempts: 1, retryOn: 'a'.repeat(9_999) }, route }] }),
      /^.{255}…$/,
    ],
  ])('is let in with a warning: %s', async (_name, object, warning) => {
    const { allowed, warnings } = await ask(address, authority.rootPem, { object });
    expect(allowed).toBe(true);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(warning);
  });

  it('is let in with as many warnings as an API server passes on', async () => {
    const http = Array.from({ length: 40 }, () => ({
      fault: { abort: { httpStatus: 503 } },
      match: [{ port: 1 }],
      route,
    }));
    expect(
      (await ask(address, authority.rootPem, { object: virtual({ hosts: ['web'], http }) })).warnings,
    ).toHaveLength(10);
  });
});

describe('a question that is none', () => {
  const good = JSON.stringify(reviewOf({ object: policy(RIGHT) }));
  it.each<[string, number, string, Sent]>([
    ['another path', 404, good, { path: '/validate/more' }],
    ['another method', 405, good, { method: 'PUT' }],
    ['another type', 415, good, { headers: { 'content-type': 'application/yaml' } }],
    ['text', 400, 'hello', {}],
    ['half of one', 400, good.slice(0, -20), {}],
    ['a list', 400, '[]', {}],
    ['another kind', 400, good.replace('AdmissionReview', 'TokenReview'), {}],
    ['an older version', 400, good.replace('admission.k8s.io/v1', 'admission.k8s.io/v1beta1'), {}],
    ['no uid', 400, good.replace('u-1', ''), {}],
    [
      'no object but text',
      400,
      JSON.stringify(reviewOf({ object: policy(RIGHT) })).replace(/"metadata":\{[^}]*\}/, '"metadata":1'),
      {},
    ],
    ['too many bytes', 413, ' '.repeat(MAX_ADMISSION_BYTES + 1), { headers: { 'transfer-encoding': 'chunked' } }],
  ])('is answered with a status that says so: %s', async (_name, status, body, sent) => {
    // The end of the body may meet a connection that is closed already; what counts is that the next is answered.
    const answer = await send(address, authority.rootPem, body, sent).catch((error: unknown) => {
      if (status !== 413) throw error;
      return { status, text: '' };
    });
    expect(answer.status).toBe(status);
    expect((await ask(address, authority.rootPem, { object: policy(RIGHT) })).allowed).toBe(true);
  });

  it('is refused before it is sent when it says that it is too large', async () => {
    const headers = { 'content-length': String(MAX_ADMISSION_BYTES + 1) };
    const { status, text } = await send(address, authority.rootPem, undefined, { headers });
    expect([status, text]).toEqual([413, `a question has ${MAX_ADMISSION_BYTES} bytes at most\n`]);
  });

  it('is cut when it does not come to an end, and holds nobody up', async () => {
    const head = 'POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{';
    const started = performance.now();
    const slow = await new Promise<string>((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', ca: authority.rootPem, servername: 'istiod.istio-system.svc' });
      let said = '';
      socket.on('secureConnect', () => socket.write(head));
      socket.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
      socket.on('error', reject);
      socket.on('close', () => resolve(said));
      ask(address, authority.rootPem, { object: policy(RIGHT) }).catch(reject);
    });
    expect(slow).toMatch(/^HTTP\/1\.1 408 /);
    expect(performance.now() - started).toBeLessThan(10_000);
  }, 15_000);

  it('is counted, as is what was let in and what was not', () => {
    const text = counters.text();
    expect(text).toMatch(/^galley_validation_passed [1-9]/m);
    expect(text).toMatch(/^galley_validation_failed [1-9]/m);
    expect(text).toMatch(/^galley_validation_http_error\{status="404"\} 1$/m);
  });
});

describe('the certificate', () => {
  it('is exchanged while the server serves', async () => {
    const next = await TestAuthority.create({ name: 'next root' });
    renew(await certificate(next));
    expect((await ask(address, next.rootPem, { object: policy(RIGHT) })).allowed).toBe(true);
    await expect(ask(address, authority.rootPem, { object: policy(RIGHT) })).rejects.toThrow(/certificate/);
    renew(await certificate(authority));
  });
});

describe('a server that stops', () => {
  it('goes on for those who do not know yet, and is gone then', async () => {
    const closed = server.close({ deadline: 1_000 });
    expect((await ask(address, authority.rootPem, { object: policy(RIGHT) })).allowed).toBe(true);
    await closed;
    await expect(ask(address, authority.rootPem, { object: policy(RIGHT) })).rejects.toThrow(/ECONNREFUSED/);
  });
});
