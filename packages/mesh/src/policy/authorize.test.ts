import { cidrContains, parseCidr } from '@ambit/core/cidr';
import { formatSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { change, match, policy, removal, spiffe, storeOf, workload } from '../test-model.ts';
import { authorize } from './authorize.ts';
import { compilePolicy } from './compile.ts';
import type { Policy, PolicyMatch, StringMatch } from './policy.ts';
import { PolicySet } from './policy-set.ts';
import type { ConnectionFacts } from './subject.ts';

const CART = spiffe('shop', 'cart');
const OUTSIDER = spiffe('outside', 'default');

function facts(fields: Partial<ConnectionFacts> = {}): ConnectionFacts {
  return { identity: CART, sourceIp: '10.1.0.5', destinationIp: '10.1.0.9', destinationPort: 8080, ...fields };
}

function setOf(policies: readonly Policy[], missing: readonly string[] = []): PolicySet {
  return new PolicySet(policies.map(compilePolicy), missing);
}

function deny(name: string, only: Partial<PolicyMatch>, fields: Partial<Policy> = {}): Policy {
  return policy(name, only, { action: 'deny', ...fields });
}

const exact = (value: string): StringMatch => ({ kind: 'exact', value });
const prefix = (value: string): StringMatch => ({ kind: 'prefix', value });
const suffix = (value: string): StringMatch => ({ kind: 'suffix', value });
const PRESENCE: StringMatch = { kind: 'presence' };
const CART_TEXT = 'cluster.local/ns/shop/sa/cart';

describe('a refusal', () => {
  it.each([
    ['only-web', 'denied by policy ns/only-web, rule 0'],
    [
      'converted_peer_authentication_default',
      'denied by PeerAuthentication ns/default, which wants mutual TLS (policy ns/converted_peer_authentication_default)',
    ],
    [
      'istio_converted_static_strict',
      'denied by a PeerAuthentication that is STRICT (policy ns/istio_converted_static_strict)',
    ],
  ])('by %s names what the user wrote', (name, message) => {
    const written = deny(name, {}, { key: `ns/${name}`, rules: [{ clauses: [] }] });
    expect(authorize(facts(), setOf([written])).message).toBe(message);
  });
});

describe('the order of judgement', () => {
  const allowCart = policy('allow-cart', { principals: [exact(CART_TEXT)] });
  const denyPort = deny('deny-port', { destinationPorts: [8080] });

  it('lets everything pass where no policy applies', () => {
    expect(authorize(facts({ identity: undefined }), setOf([]))).toMatchObject({ allowed: true, reason: 'no-policy' });
  });

  it('lets pass what no DENY matches when there is no ALLOW', () => {
    const decision = authorize(facts({ destinationPort: 9 }), setOf([denyPort]));
    expect(decision).toMatchObject({ allowed: true, reason: 'no-deny-match' });
  });

  it('names the ALLOW rule that let it pass', () => {
    const second = policy(
      'second',
      {},
      {
        rules: [
          { clauses: [{ matches: [match({ destinationPorts: [1] })] }] },
          { clauses: [{ matches: [match({ destinationPorts: [8080] })] }] },
        ],
      },
    );
    const decision = authorize(facts({ identity: OUTSIDER }), setOf([allowCart, second]));
    expect(decision).toMatchObject({ allowed: true, reason: 'allow-rule', policy: 'shop/second', rule: 1 });
  });

  it('refuses what none of the ALLOW policies names', () => {
    const decision = authorize(facts({ identity: OUTSIDER }), setOf([allowCart]));
    expect(decision).toMatchObject({ allowed: false, reason: 'no-allow-match', policy: 'shop/allow-cart' });
    expect(decision.rule).toBeUndefined();
  });

  it('asks DENY before ALLOW', () => {
    const decision = authorize(facts(), setOf([allowCart, denyPort]));
    expect(decision).toMatchObject({ allowed: false, reason: 'deny-rule', policy: 'shop/deny-port', rule: 0 });
  });

  it('reports dry-run policies and enforces none', () => {
    const policies = [
      deny('would-deny', { destinationPorts: [8080] }, { dryRun: true }),
      deny('silent', { destinationPorts: [1] }, { dryRun: true }),
      policy('would-refuse', { principals: [exact('cluster.local/ns/x/sa/y')] }, { dryRun: true }),
    ];
    const decision = authorize(facts(), setOf(policies));
    expect(decision).toMatchObject({ allowed: true, reason: 'no-policy' });
    expect(decision.dryRun).toEqual([
      { policy: 'shop/would-deny', action: 'deny', rule: 0 },
      { policy: 'shop/would-refuse', action: 'allow', rule: undefined },
    ]);
  });

  it('waits for a policy that is named but unknown, and meanwhile allows nothing', () => {
    const pending = setOf([allowCart], ['shop/late']);
    expect(authorize(facts(), pending)).toMatchObject({
      allowed: false,
      pending: true,
      reason: 'policy-unknown',
      policy: 'shop/late',
    });
    const denied = authorize(facts(), setOf([denyPort], ['shop/late']));
    expect(denied).toMatchObject({ allowed: false, pending: false, policy: 'shop/deny-port' });
  });
});

describe('rules, clauses, matches', () => {
  const holds = (rules: Policy['rules']) => authorize(facts(), setOf([policy('p', {}, { rules })])).allowed;
  const yes = match({ destinationPorts: [8080] });
  const no = match({ destinationPorts: [1] });

  it.each([
    ['no rules: matches nothing', [], false],
    ['a rule without clauses: everything', [{ clauses: [] }], true],
    ['a clause without matches: everything', [{ clauses: [{ matches: [] }] }], true],
    ['a match without fields: nothing', [{ clauses: [{ matches: [match({})] }] }], false],
    ['an empty match beside one that holds', [{ clauses: [{ matches: [match({}), yes] }] }], true],
    ['rules are ORed', [{ clauses: [{ matches: [no] }] }, { clauses: [{ matches: [yes] }] }], true],
    ['clauses are ANDed', [{ clauses: [{ matches: [yes] }, { matches: [no] }] }], false],
    ['matches are ORed', [{ clauses: [{ matches: [no, yes] }] }], true],
  ] as const)('%s', (_case, rules, expected) => {
    expect(holds(rules)).toBe(expected);
  });
});

describe('fields of a match', () => {
  const NOBODY = { identity: undefined };
  it.each<[string, Partial<PolicyMatch>, Partial<ConnectionFacts>, boolean]>([
    ['principal, exact', { principals: [exact(CART_TEXT)] }, {}, true],
    [
      'principal of another trust domain',
      { principals: [exact(CART_TEXT)] },
      { identity: spiffe('shop', 'cart', 'td') },
      false,
    ],
    ['principal written as a URI', { principals: [exact(`spiffe://${CART_TEXT}`)] }, {}, false],
    ['principal, prefix', { principals: [prefix('cluster.local/ns/shop/')] }, {}, true],
    ['principal, prefix of another', { principals: [prefix('cluster.local/ns/shops')] }, {}, false],
    ['principal, suffix', { principals: [suffix('/sa/cart')] }, {}, true],
    ['principal, presence', { principals: [PRESENCE] }, {}, true],
    ['principal, presence without identity', { principals: [PRESENCE] }, NOBODY, false],
    ['principal, any prefix without identity', { principals: [prefix('')] }, NOBODY, false],
    ['not principal, presence without identity', { notPrincipals: [PRESENCE] }, NOBODY, true],
    ['not principal, presence with identity', { notPrincipals: [PRESENCE] }, {}, false],
    ['not principal, another', { notPrincipals: [exact('cluster.local/ns/x/sa/y')] }, {}, true],
    [
      'principal among many',
      { principals: ['a', 'b', 'c', 'd', 'e', 'cart'].map((sa) => exact(`cluster.local/ns/shop/sa/${sa}`)) },
      {},
      true,
    ],
    ['namespace', { namespaces: [exact('shop')] }, {}, true],
    ['namespace, presence without identity', { namespaces: [PRESENCE] }, NOBODY, false],
    ['not namespace without identity', { notNamespaces: [exact('shop')] }, NOBODY, true],
    [
      'service account, whatever the trust domain',
      { serviceAccounts: [{ namespace: 'shop', serviceAccount: 'cart' }] },
      { identity: spiffe('shop', 'cart', 'td') },
      true,
    ],
    [
      'service account of another namespace',
      { serviceAccounts: [{ namespace: 'x', serviceAccount: 'cart' }] },
      {},
      false,
    ],
    ['service account without identity', { serviceAccounts: [{ namespace: '', serviceAccount: '' }] }, NOBODY, false],
    ['not service account', { notServiceAccounts: [{ namespace: 'shop', serviceAccount: 'cart' }] }, {}, false],
    ['source address', { sourceIps: ['10.1.0.0/16'] }, {}, true],
    ['source address outside', { sourceIps: ['10.2.0.0/16', '10.1.0.6/32'] }, {}, false],
    ['source of the other family', { sourceIps: ['::/0'] }, {}, false],
    ['source, IPv6', { sourceIps: ['fd00::/8'] }, { sourceIp: 'fd12::1' }, true],
    ['not source', { notSourceIps: ['10.1.0.0/16'] }, {}, false],
    ['destination address', { destinationIps: ['10.1.0.9/32'] }, {}, true],
    ['not destination address', { notDestinationIps: ['10.1.0.9/32'] }, {}, false],
    ['port', { destinationPorts: [80, 8080] }, {}, true],
    ['not port', { notDestinationPorts: [8080] }, {}, false],
    ['fields are ANDed', { destinationPorts: [8080], namespaces: [exact('x')] }, {}, false],
    ['unreadable part of an ALLOW', { constant: 'never' }, {}, false],
    ['unreadable part of a DENY', { constant: 'always' }, {}, true],
  ])('%s', (_case, fields, who, expected) => {
    expect(authorize(facts(who), setOf([policy('p', fields)])).allowed).toBe(expected);
    expect(authorize(facts(who), setOf([deny('p', fields)])).allowed).toBe(!expected);
  });
});

describe('policies of a workload', () => {
  const pod = workload('pay', { authorizationPolicies: ['root/strict'] });
  const everyone = { rules: [{ clauses: [] }] };
  const strict = deny('strict', { notPrincipals: [PRESENCE] }, { namespace: 'root', scope: 'workload' });

  it('are those of its namespace, the global ones and those it lists', () => {
    const store = storeOf({
      policies: [
        strict,
        policy('here', {}, everyone),
        policy('there', {}, { ...everyone, namespace: 'other' }),
        policy('all', {}, { ...everyone, namespace: 'root', scope: 'global' }),
        policy('unlisted', {}, { ...everyone, scope: 'workload' }),
      ],
    });
    const set = store.policiesFor(pod);
    expect(set.denies.map(({ key }) => key)).toEqual(['root/strict']);
    expect(set.allows.map(({ key }) => key).sort()).toEqual(['root/all', 'shop/here']);
    expect(store.policiesFor(pod)).toBe(set);
  });

  it('are pending while one is missing, and settle when it comes or goes', () => {
    const store = storeOf({});
    const plaintext = facts({ identity: undefined });
    expect(authorize(plaintext, store.policiesFor(pod))).toMatchObject({ pending: true, policy: 'root/strict' });
    change(store, { policies: [strict] });
    expect(authorize(plaintext, store.policiesFor(pod))).toMatchObject({ reason: 'deny-rule', policy: 'root/strict' });
    change(store, {}, [removal('remove-authorization', 'root/strict')]);
    expect(authorize(facts(), store.policiesFor(pod))).toMatchObject({ allowed: false, pending: true });
  });

  it('judge anew when a policy changes its scope', () => {
    const store = storeOf({ policies: [deny('p', { destinationPorts: [8080] })] });
    const bare = workload('bare');
    expect(authorize(facts(), store.policiesFor(bare)).allowed).toBe(false);
    change(store, { policies: [deny('p', { destinationPorts: [8080] }, { scope: 'workload' })] });
    expect(authorize(facts(), store.policiesFor(bare))).toMatchObject({ allowed: true, reason: 'no-policy' });
  });
});

describe('against the slow reading of the rules', () => {
  const word = fc.constantFrom('shop', 'cart', 'outside', 's', '');
  const strings = (value: fc.Arbitrary<string>) =>
    fc.array(
      fc.oneof(
        fc.record({ kind: fc.constantFrom('exact' as const, 'prefix' as const, 'suffix' as const), value }),
        fc.constant(PRESENCE),
      ),
      { maxLength: 2 },
    );
  const principal = fc.tuple(word, word).map(([ns, sa]) => `cluster.local/ns/${ns}/sa/${sa}`);
  const principals = strings(fc.oneof(principal, word));
  const ip = fc.constantFrom('10.0.0.1', '10.0.0.2', '192.168.0.1', 'fd00::1');
  const prefixes = fc.array(
    fc.constantFrom('10.0.0.0/30', '10.0.0.1/32', '0.0.0.0/0', '::/0', 'fd00::/127', '192.168.0.0/16'),
    { maxLength: 2 },
  );
  const ports = fc.array(fc.constantFrom(80, 443), { maxLength: 2 });
  const accounts = fc.array(fc.record({ namespace: word, serviceAccount: word }), { maxLength: 2 });
  const sometimes = <T>(list: fc.Arbitrary<T[]>) =>
    fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: list });
  const anyMatch: fc.Arbitrary<PolicyMatch> = fc.record({
    namespaces: sometimes(strings(word)),
    notNamespaces: sometimes(strings(word)),
    principals: sometimes(principals),
    notPrincipals: sometimes(principals),
    sourceIps: sometimes(prefixes),
    notSourceIps: sometimes(prefixes),
    destinationIps: sometimes(prefixes),
    notDestinationIps: sometimes(prefixes),
    destinationPorts: sometimes(ports),
    notDestinationPorts: sometimes(ports),
    serviceAccounts: sometimes(accounts),
    notServiceAccounts: sometimes(accounts),
    constant: fc.constant(undefined),
  });
  const anyPolicy: fc.Arbitrary<Policy> = fc
    .record({
      name: fc.constantFrom('p', 'q', 'r'),
      action: fc.constantFrom('allow' as const, 'deny' as const),
      dryRun: fc.boolean(),
      rules: fc.array(
        fc.record({
          clauses: fc.array(fc.record({ matches: fc.array(anyMatch, { maxLength: 2 }) }), { maxLength: 2 }),
        }),
        { maxLength: 2 },
      ),
    })
    .map((fields) => policy(fields.name, {}, fields));
  const identity: fc.Arbitrary<SpiffeId | undefined> = fc.option(
    fc.record({
      trustDomain: fc.constantFrom('cluster.local', 'td'),
      namespace: fc.constantFrom('shop', 'outside'),
      serviceAccount: fc.constantFrom('cart', 's'),
    }),
    { nil: undefined },
  );
  const anyFacts: fc.Arbitrary<ConnectionFacts> = fc.record({
    identity,
    sourceIp: ip,
    destinationIp: ip,
    destinationPort: fc.constantFrom(80, 443, 8080),
  });

  it('decides the same', () => {
    fc.assert(
      fc.property(fc.array(anyPolicy, { maxLength: 4 }), anyFacts, (policies, connection) => {
        const decision = authorize(connection, setOf(policies));
        expect(decision.allowed).toBe(slowlyAllowed(policies, connection));
        expect(decision.dryRun.length > 0).toBe(
          policies.some((one) => one.dryRun && (one.action === 'allow' || slowlyMatches(one, connection))),
        );
      }),
      { numRuns: 3_000 },
    );
  });
});

function slowlyAllowed(policies: readonly Policy[], connection: ConnectionFacts): boolean {
  const enforced = policies.filter(({ dryRun }) => !dryRun);
  if (enforced.some((one) => one.action === 'deny' && slowlyMatches(one, connection))) return false;
  const allows = enforced.filter(({ action }) => action === 'allow');
  return allows.length === 0 || allows.some((one) => slowlyMatches(one, connection));
}

function slowlyMatches(
  { rules }: Policy,
  { identity, sourceIp, destinationIp, destinationPort }: ConnectionFacts,
): boolean {
  const text = (value: string) => (pattern: StringMatch) => {
    switch (pattern.kind) {
      case 'exact':
        return value === pattern.value;
      case 'prefix':
        return value.startsWith(pattern.value);
      case 'suffix':
        return value.endsWith(pattern.value);
      case 'presence':
        return value !== '';
    }
  };
  const principalMatches = (pattern: StringMatch) =>
    identity !== undefined && text(formatSpiffeId(identity).slice('spiffe://'.length))(pattern);
  const inPrefix = (ip: string) => (written: string) => {
    const cidr = parseCidr(written);
    return cidr !== undefined && cidrContains(cidr, ip);
  };
  const account = (wanted: { namespace: string; serviceAccount: string }) =>
    identity !== undefined &&
    wanted.namespace === identity.namespace &&
    wanted.serviceAccount === identity.serviceAccount;
  const port = (wanted: number) => wanted === destinationPort;
  const namespace = text(identity?.namespace ?? '');
  const field = <V>(any: readonly V[], none: readonly V[], holds: (value: V) => boolean) =>
    (any.length === 0 || any.some(holds)) && !none.some(holds);
  const matches = (m: PolicyMatch) =>
    Object.values(m).some((list: unknown) => Array.isArray(list) && list.length > 0) &&
    field(m.namespaces, m.notNamespaces, namespace) &&
    field(m.principals, m.notPrincipals, principalMatches) &&
    field(m.sourceIps, m.notSourceIps, inPrefix(sourceIp)) &&
    field(m.destinationIps, m.notDestinationIps, inPrefix(destinationIp)) &&
    field(m.destinationPorts, m.notDestinationPorts, port) &&
    field(m.serviceAccounts, m.notServiceAccounts, account);
  return rules.some((rule) =>
    rule.clauses.every((clause) => clause.matches.length === 0 || clause.matches.some(matches)),
  );
}
