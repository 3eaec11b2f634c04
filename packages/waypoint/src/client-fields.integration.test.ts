import type { ClientFields } from '@ambit/traffic/model/served-service';
import { describe, expect, it } from 'vitest';
import { application, Client, respond, type Seen } from './test-application.ts';
import { clusterName } from './test-models.ts';
import { is, policy } from './test-policies.ts';
import { start } from './test-start.ts';

const CLIENT = 'spiffe://cluster.local/ns/shop/sa/web';
const OTHER = 'spiffe://cluster.local/ns/other/sa/web';
const TOLD = `By=spiffe://cluster.local/ns/shop/sa/waypoint;URI=${CLIENT}`;
const FORGED = 'By=spiffe://cluster.local/ns/shop/sa/waypoint;URI=spiffe://cluster.local/ns/shop/sa/admin';

/** What an endpoint gets of a client that says this: the fields that the pattern finds, in their order. */
function received(
  sent: Readonly<Record<string, string>>,
  pattern: RegExp,
  clientFields: Partial<ClientFields> = {},
  principal?: string,
  version: 'HTTP/1.1' | 'HTTP/2' = 'HTTP/1.1',
): string[][] {
  const seen: Seen[] = [];
  const onComplete = (one: Seen): void => {
    seen.push(one);
    respond(one, 200, 'ok');
  };
  const bed = start({
    protocol: version === 'HTTP/2' ? 'http2' : 'http1',
    endpoints: { 'cart-1': application(version, { onComplete }) },
    clientFields,
  });
  const answer = new Client(bed, version, principal).send(sent);
  bed.loop.until(() => answer.settled);
  expect(answer.status).toBe(200);
  const fields = seen[0]?.fields ?? [];
  return fields.flatMap((name, at) =>
    at % 2 === 0 && pattern.test(name.replaceAll('_', '-')) ? [[name, fields[at + 1] ?? '']] : [],
  );
}

describe.each(['HTTP/1.1', 'HTTP/2'] as const)('of a client over %s', (version) => {
  it.each([
    'x-forwarded-client-cert',
    'x-envoy-peer-metadata',
    'x-envoy-peer-metadata-id',
    'x-envoy-internal',
    'x-envoy-original-path',
    'x-envoy-original-host',
    'x-envoy-original-url',
    'x-envoy-attempt-count',
    'x-envoy-decorator-operation',
    'x-envoy-expected-rq-timeout-ms',
    'x-envoy-downstream-service-cluster',
    'x-envoy-downstream-service-node',
    'x-envoy-ip-tags',
    'x-ambit-reason',
    'x-ambit-anything',
    'x-istio-source',
    'x-istio-attributes',
    'x-forwarded-network',
  ])('the field %s, which only proxies may say, reaches no endpoint, however it is spelt', (name) => {
    const [, ...words] = name.split('-');
    const sent = {
      [name]: 'forged',
      [name.replaceAll('-', '_')]: 'forged',
      [`x_${words.join('-')}`]: 'forged',
      'x-plain': 'stays',
    };
    expect(received(sent, new RegExp(`^(${name}|x-plain)$`), {}, undefined, version)).toEqual([['x-plain', 'stays']]);
  });
});

describe('x-forwarded-client-cert', () => {
  const XFCC = /^x-forwarded-client-cert$/;

  it('has the identities of waypoint and client where the Gateway asks for it', () => {
    expect(received({}, XFCC, { certificate: true })).toEqual([['x-forwarded-client-cert', TOLD]]);
    expect(received({}, XFCC, { certificate: true }, OTHER)).toEqual([
      ['x-forwarded-client-cert', TOLD.replace(CLIENT, OTHER)],
    ]);
  });

  it.each([
    ['that is forged', { 'x-forwarded-client-cert': FORGED }],
    ['that is forged with underscores', { x_forwarded_client_cert: FORGED, 'x-forwarded_client-cert': FORGED }],
  ])('replaces one of the client %s', (_, sent) => {
    expect(received(sent, XFCC, { certificate: true })).toEqual([['x-forwarded-client-cert', TOLD]]);
  });

  it('of a copy for a mirror is the same', () => {
    const seen: Seen[] = [];
    const onComplete = (one: Seen): void => {
      seen.push(one);
      respond(one, 200, 'ok');
    };
    const bed = start({
      endpoints: { 'cart-1': application('HTTP/1.1', { onComplete }) },
      clientFields: { certificate: true },
      action: { mirrors: [{ cluster: clusterName(), perMillion: 1_000_000 }] },
    });
    new Client(bed, 'HTTP/1.1').send({ 'x-forwarded-client-cert': FORGED });
    bed.loop.until(() => seen.length === 2);
    for (const { fields } of seen)
      expect(fields.filter((_, at) => fields[at - 1] === 'x-forwarded-client-cert')).toEqual([TOLD]);
  });
});

describe('x-forwarded-for', () => {
  const ADDRESSES = /^(x-forwarded-for|forwarded|x-real-ip|x-envoy-external-address)$/;
  const FORGERY = {
    'x-forwarded-for': '9.9.9.9',
    x_forwarded_for: '8.8.8.8',
    forwarded: 'for=9.9.9.9',
    'x-real-ip': '9.9.9.9',
    'x-envoy-external-address': '9.9.9.9',
  };

  it.each<[ClientFields['forwardedFor'], Readonly<Record<string, string>>, readonly (readonly [string, string])[]]>([
    ['pass', {}, []],
    ['pass', { 'x-forwarded-for': '9.9.9.9' }, [['x-forwarded-for', '9.9.9.9']]],
    ['append', {}, [['x-forwarded-for', '127.0.0.1']]],
    ['append', { 'x-forwarded-for': '9.9.9.9, 10.0.0.1' }, [['x-forwarded-for', '9.9.9.9, 10.0.0.1, 127.0.0.1']]],
    [
      'append',
      FORGERY,
      [
        ['forwarded', 'for=9.9.9.9'],
        ['x-real-ip', '9.9.9.9'],
        ['x-envoy-external-address', '9.9.9.9'],
        ['x-forwarded-for', '9.9.9.9, 127.0.0.1'],
      ],
    ],
    ['replace', {}, [['x-forwarded-for', '127.0.0.1']]],
    ['replace', FORGERY, [['x-forwarded-for', '127.0.0.1']]],
  ])('is made by %s of %j', (forwardedFor, sent, expected) => {
    expect(received(sent, ADDRESSES, { forwardedFor })).toEqual(expected);
  });

  it('says nothing to policies, whatever becomes of it', () => {
    const bed = start({
      endpoints: {
        'cart-1': application('HTTP/1.1', {
          onComplete: (one) => {
            respond(one, 200, 'ok');
          },
        }),
      },
      policies: [policy('allow', is('remote-ip', '9.9.9.9/32'))],
      clientFields: { forwardedFor: 'append' },
    });
    const answer = new Client(bed, 'HTTP/1.1').send({ 'x-forwarded-for': '9.9.9.9' });
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(403);
  });
});
