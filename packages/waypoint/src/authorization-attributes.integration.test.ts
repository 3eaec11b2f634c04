import type { PolicyAttribute, PolicyCondition, ValuePattern } from '@ambit/traffic/model/authorization-policy';
import { describe, expect, it } from 'vitest';
import { answering, Client, Raw } from './test-application.ts';
import { policy } from './test-policies.ts';
import { start } from './test-start.ts';
import { VIP } from './test-waypoint.ts';

const NEIGHBOUR = 'spiffe://cluster.local/ns/other/sa/teller';

interface Ask {
  readonly fields?: Readonly<Record<string, string>>;
  readonly principal?: string;
}

/** An attribute (of headers with a name), what it is compared with, who has it, and who has something else. */
const ATTRIBUTES: readonly (readonly [attribute: string, ValuePattern, Ask, Ask])[] = [
  ['method', exact('DELETE'), { fields: { ':method': 'DELETE' } }, {}],
  ['path', prefix('/admin'), { fields: { ':path': '/admin/x?y' } }, { fields: { ':path': '/x?y=/admin' } }],
  ['path', template('/a/{*}/c'), { fields: { ':path': '/a/b/c' } }, { fields: { ':path': '/a/b/b/c' } }],
  ['host', exact('pay'), { fields: { ':authority': 'PAY:80' } }, {}],
  [
    'host',
    suffix('.example.com'),
    { fields: { ':authority': 'a.example.com' } },
    { fields: { ':authority': 'example.com' } },
  ],
  ['header x-tier', exact('gold'), { fields: { 'x-tier': 'gold' } }, { fields: { 'x-tier': 'silver' } }],
  ['header x-tier', { kind: 'present', text: '' }, { fields: { 'x-tier': '' } }, {}],
  ['source-namespace', exact('shop'), {}, { principal: NEIGHBOUR }],
  ['source-principal', exact('cluster.local/ns/shop/sa/web'), {}, { principal: NEIGHBOUR }],
  ['source-principal', suffix('/sa/teller'), { principal: NEIGHBOUR }, {}],
  ['source-service-account', exact('shop/web'), {}, { principal: NEIGHBOUR }],
];

/** What is the same of all clients of these tests: what fits, and what does not. */
const FIXED: readonly (readonly [PolicyAttribute, ValuePattern, ValuePattern])[] = [
  ['source-ip', exact('127.0.0.0/8'), exact('10.0.0.0/8')],
  ['remote-ip', exact('127.0.0.1/32'), exact('127.0.0.2/32')],
  ['destination-ip', exact('10.96.0.1/32'), exact('10.96.0.2/32')],
  ['destination-port', exact('80'), exact('81')],
  ['source-trust-domain', exact('cluster.local'), exact('td.example')],
  // Nobody has a verified token here.
  ['request-principal', { kind: 'present', text: '' }, { kind: 'present', text: '' }],
];

function exact(text: string): ValuePattern {
  return { kind: 'exact', text };
}

function prefix(text: string): ValuePattern {
  return { kind: 'prefix', text };
}

function suffix(text: string): ValuePattern {
  return { kind: 'suffix', text };
}

function template(text: string): ValuePattern {
  return { kind: 'template', text };
}

/** The status of a request where a policy asks for `condition`. */
function status(
  action: 'allow' | 'deny',
  condition: PolicyCondition,
  { fields = {}, principal }: Ask,
  version: Version,
): number {
  const bed = start({
    protocol: version === 'HTTP/2' ? 'http2' : 'http1',
    endpoints: { 'cart-1': answering(version, 200, 'hello') },
    policies: [policy(action, condition)],
  });
  const answer = new Client(bed, version, principal).send(fields);
  bed.loop.until(() => answer.settled);
  return answer.status;
}

type Version = 'HTTP/1.1' | 'HTTP/2';

describe.each(['HTTP/1.1', 'HTTP/2'] as const)('a policy for requests of %s', (version) => {
  const judged = (condition: PolicyCondition, ask: Ask): readonly number[] => [
    status('deny', condition, ask, version),
    status('deny', { ...condition, negated: true }, ask, version),
    status('allow', condition, ask, version),
    status('allow', { ...condition, negated: true }, ask, version),
  ];

  it.each(ATTRIBUTES)('asks for %s %j', (attribute, value, having, other) => {
    const [of = '', ...name] = attribute.split(' ');
    const condition: PolicyCondition = { attribute: of as PolicyAttribute, name, values: [value], negated: false };
    expect(judged(condition, having)).toEqual([403, 200, 200, 403]);
    expect(judged(condition, other)).toEqual([200, 403, 403, 200]);
  });
});

describe('a policy for requests, of what a tunnel says', () => {
  it.each(FIXED)('asks for %s %j', (attribute, value, other) => {
    const condition = (pattern: ValuePattern): PolicyCondition => ({
      attribute,
      name: [],
      values: [pattern],
      negated: false,
    });
    const isToken = attribute === 'request-principal';
    expect(status('deny', condition(value), {}, 'HTTP/1.1')).toBe(isToken ? 200 : 403);
    expect(status('deny', condition(other), {}, 'HTTP/1.1')).toBe(200);
    expect(status('allow', condition(value), {}, 'HTTP/1.1')).toBe(isToken ? 403 : 200);
    expect(status('allow', condition(other), {}, 'HTTP/1.1')).toBe(403);
  });
});

describe('a policy for connections whose bytes nobody looks at', () => {
  const isOpen = (action: 'allow' | 'deny', condition: PolicyCondition, principal?: string): boolean => {
    const bed = start({ protocol: 'tcp', endpoints: { 'cart-1': quiet }, policies: [policy(action, condition)] });
    const opened = bed.tryOpen(new Raw(), `${VIP}:80`, principal);
    if (!('destroy' in opened)) return false;
    // A refusal may come behind the answer to the tunnel.
    bed.loop.pass(5);
    return !bed.lines().join('\n').includes('rbac');
  };

  it.each([
    ...FIXED.filter(([attribute]) => attribute !== 'request-principal'),
    ['source-namespace', exact('shop'), exact('other')],
    ['source-principal', prefix('cluster.local/ns/shop/'), prefix('cluster.local/ns/other/')],
    ['source-service-account', exact('shop/web'), exact('shop/teller')],
  ] as const)('asks for %s %j', (attribute, value, other) => {
    const condition = (pattern: ValuePattern): PolicyCondition => ({
      attribute,
      name: [],
      values: [pattern],
      negated: false,
    });
    expect([isOpen('deny', condition(value)), isOpen('deny', condition(other))]).toEqual([false, true]);
    expect([isOpen('allow', condition(value)), isOpen('allow', condition(other))]).toEqual([true, false]);
  });

  it.each(['method', 'path', 'host'] as const)('that asks for %s allows nobody, and denies without it', (attribute) => {
    const condition: PolicyCondition = { attribute, name: [], values: [exact('x')], negated: false };
    expect([isOpen('allow', condition), isOpen('deny', condition)]).toEqual([false, false]);
  });
});

const quiet = (tunnel: { open: (fields: readonly string[], handler: Raw) => unknown }): void => {
  tunnel.open([], new Raw());
};
