import { beforeEach, describe, expect, it } from 'vitest';
import type { RawObject } from './api-object.ts';
import { ObjectStore } from './object-store.ts';
import type { WatchedKind } from './watched-kinds.ts';

let store: ObjectStore;
beforeEach(() => {
  store = new ObjectStore();
});

function raw(name: string, spec: object, change: object = {}): RawObject {
  // As a list gives it: without kind and version.
  return { metadata: { name, namespace: 'shop', uid: `uid-${name}`, generation: 1 }, spec, ...change } as RawObject;
}

const ALLOW_WEB = { action: 'ALLOW', selector: { matchLabels: { app: 'web' } }, rules: [{}] };
const WRONG = {
  action: 'DENY',
  selector: { matchLabels: { app: 'web' } },
  rules: [{ from: [{ source: { ipBlocks: ['10.0.0.0/99'] } }] }],
};

/** What is in force. */
function inForce(): object[] {
  return store.configuration().sources.flatMap(({ decoded }) => decoded.objects.map(({ object }) => object));
}

describe('an object that is wrong', () => {
  it('keeps its last good state, says field, reason and generation, and disturbs no other', () => {
    store.put('AuthorizationPolicy', raw('good', ALLOW_WEB));
    store.put('AuthorizationPolicy', raw('p', ALLOW_WEB));
    const wrong = raw('p', WRONG, { metadata: { name: 'p', namespace: 'shop', generation: 2 } });
    expect(store.put('AuthorizationPolicy', wrong).outcome).toBe('refused');
    expect(inForce()).toMatchObject([{ spec: { rules: [{}] } }, { spec: { action: 'ALLOW', rules: [{}] } }]);
    expect(store.configuration().refusals).toMatchObject([
      { kind: 'AuthorizationPolicy', name: 'shop/p', generation: 2 },
    ]);
    expect(store.configuration().refusals[0]?.message).toMatch(
      /^spec\.rules\[0\]\.from\[0\]\.source\.ipBlocks\[0\]: "10\.0\.0\.0\/99".*; its last good state stays in force$/,
    );
    expect(store.put('AuthorizationPolicy', raw('p', ALLOW_WEB))).toEqual({ outcome: 'taken', recovered: true });
    expect(store.configuration().refusals).toEqual([]);
  });

  it.each<[string, WatchedKind, object, object, unknown]>([
    [
      'a policy that denies',
      'AuthorizationPolicy',
      WRONG,
      {},
      { selector: { matchLabels: { app: 'web' } }, action: 'DENY', rules: [{}] },
    ],
    [
      'a policy that allows',
      'AuthorizationPolicy',
      { ...WRONG, action: 'ALLOW' },
      {},
      { selector: { matchLabels: { app: 'web' } } },
    ],
    [
      'a policy whose selector cannot be read',
      'AuthorizationPolicy',
      { ...WRONG, selector: { matchLabels: 7 } },
      {},
      { action: 'DENY', rules: [{}] },
    ],
    [
      'mutual TLS of an unknown mode',
      'PeerAuthentication',
      { mtls: { mode: 'STRICTER' } },
      {},
      { mtls: { mode: 'STRICT' } },
    ],
    [
      'tokens asked for by a rule that is newer',
      'RequestAuthentication',
      { targetRefs: [{ kind: 'Service', name: 'web' }], jwtRules: [{ newer: 1 }] },
      {},
      { targetRefs: [{ kind: 'Service', name: 'web' }], jwtRules: [{}] },
    ],
    [
      'tokens asked for at a target that says more than is known',
      'RequestAuthentication',
      { targetRefs: [{ kind: 'Service', name: 'web', sectionName: 'http' }, 7] },
      {},
      { targetRefs: [{ kind: 'Service', name: 'web' }], jwtRules: [{}] },
    ],
    [
      'a Service whose endpoints ask for TLS of a newer kind',
      'BackendTLSPolicy',
      { targetRefs: [{ group: '', kind: 'Service', name: 'web' }], validation: { newer: 1 } },
      {},
      {
        targetRefs: [{ group: '', kind: 'Service', name: 'web' }],
        validation: { caCertificateRefs: [{ name: 'the-policy-is-wrong' }] },
      },
    ],
    [
      'a waypoint that was ready once',
      'Gateway',
      { gatewayClassName: 'istio-waypoint', listeners: [], newer: 1 },
      { status: { addresses: [{ value: '10.0.0.1' }] } },
      { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }] },
    ],
  ])('from the start stays closed: %s', (_name, kind, spec, change, expected) => {
    expect(store.put(kind, raw('p', spec, change)).outcome).toBe('refused');
    expect(JSON.parse(JSON.stringify(inForce()))).toMatchObject([{ metadata: { name: 'p' }, spec: expected }]);
    expect(store.configuration().refusals[0]?.message).toMatch(/what it is for stays closed$/);
  });

  it.each<[string, object]>([
    ['connections', { trafficPolicy: { tls: { mode: 'SIMPLE' }, newer: { a: 1 } } }],
    ['connections to one port', { trafficPolicy: { portLevelSettings: [{ port: 7, tls: { mode: 'MUTUAL' } }] } }],
    ['those of a subset in a newer mode', { subsets: [{ name: 1, trafficPolicy: { tls: { mode: 'NEWER' } } }] }],
  ])('from the start stays closed: a host that is reached by TLS, %s', (_what, spec) => {
    const place = { host: 'bank.example', exportTo: ['.'] };
    expect(store.put('DestinationRule', raw('r', { ...place, ...spec })).outcome).toBe('refused');
    expect(JSON.parse(JSON.stringify(inForce()))).toMatchObject([
      { spec: { ...place, trafficPolicy: { tls: { mode: 'MUTUAL' } } } },
    ]);
  });

  it.each([{}, { tls: {} }, { tls: { mode: 'ISTIO_MUTUAL' } }])(
    'from the start has no effect where nothing of TLS is asked for: %j',
    (trafficPolicy) => {
      store.put('DestinationRule', raw('r', { host: 'bank.example', subsets: 7, trafficPolicy }));
      expect(store.configuration().refusals).toHaveLength(1);
      expect(inForce()).toEqual([]);
    },
  );

  it('from the start has no effect where nothing is judged', () => {
    store.put('HTTPRoute', raw('r', { rules: 1, parentRefs: [{ name: 'web', kind: 'Service', group: '' }, {}] }));
    expect(inForce()).toEqual([]);
    expect(store.configuration().refusals[0]).toMatchObject({
      parents: [{ group: '', kind: 'Service', name: 'web' }],
      message:
        'spec.rules: 1 is not a list (write each item after a hyphen); spec.parentRefs[1].name: is required and missing; ' +
        'nothing of it is in force',
    });
  });
});

describe('a change', () => {
  it('of what nobody reads is none', () => {
    const node = (status: object): RawObject => ({ ...raw('n', {}), metadata: { name: 'n' }, status });
    expect(store.put('Node', node({ heartbeat: 1 })).outcome).toBe('taken');
    expect(store.put('Node', node({ heartbeat: 2 })).outcome).toBe('unchanged');
    const route = { parentRefs: [{ name: 'web', kind: 'Service', group: '' }] };
    store.put('HTTPRoute', raw('r', route));
    const withStatus = raw('r', route, { status: { parents: [{ newer: 1 }], alsoNew: {} } });
    expect(store.put('HTTPRoute', withStatus).outcome).toBe('unchanged');
  });

  it('of a refused object that is the same refusal is none, so that its status is not written for ever', () => {
    store.put('AuthorizationPolicy', raw('p', WRONG));
    const again = raw('p', WRONG, { status: { conditions: [] } });
    expect(store.put('AuthorizationPolicy', again).outcome).toBe('unchanged');
  });

  it('that removes takes the object out', () => {
    store.put('AuthorizationPolicy', raw('p', ALLOW_WEB));
    expect(store.remove('AuthorizationPolicy', raw('p', {}))).toBe(true);
    expect(inForce()).toEqual([]);
  });
});
