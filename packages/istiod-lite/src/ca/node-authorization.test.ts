import { describe, expect, it } from 'vitest';
import type { Pod } from '@ambit/translation/objects';
import { authorizeIdentity, type PodDirectory } from './node-authorization.ts';
import type { Caller } from './caller.ts';

interface PodFacts {
  name: string;
  namespace?: string;
  account?: string;
  node?: string;
  uid?: string;
  phase?: 'Failed' | 'Running' | 'Succeeded';
}

function pod({
  name,
  namespace = 'shop',
  account = 'cart',
  node = 'a',
  uid = `uid-${name}`,
  phase = 'Running',
}: PodFacts): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, uid },
    spec: { containers: [], nodeName: node, serviceAccountName: account },
    status: { phase },
  };
}

const ZTUNNEL = { name: 'ztunnel-a', namespace: 'istio-system', account: 'ztunnel' };
const caller: Caller = {
  namespace: 'istio-system',
  serviceAccount: 'ztunnel',
  podName: 'ztunnel-a',
  podUid: 'uid-ztunnel-a',
  nodeName: 'a',
};
const settings = { trustDomain: 'cluster.local', trustedNodeAccounts: new Set(['istio-system/ztunnel']) };
const cart = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'cart' };

function directory(...facts: PodFacts[]): PodDirectory {
  const pods = facts.map(pod);
  return {
    pod: (name) => pods.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === name),
    podsOnNode: (node) => pods.filter(({ spec }) => spec.nodeName === node),
  };
}

describe('authorizeIdentity', () => {
  it('gives a node proxy the identity of a pod on its node', () => {
    const pods = directory(ZTUNNEL, { name: 'cart-1' });
    expect(authorizeIdentity(caller, cart, pods, settings)).toEqual({ allowed: true, identity: cart });
  });

  it('gives a caller its own identity, trusted or not', () => {
    const own = { trustDomain: 'cluster.local', namespace: 'istio-system', serviceAccount: 'ztunnel' };
    expect(authorizeIdentity(caller, undefined, directory(ZTUNNEL), settings)).toEqual({
      allowed: true,
      identity: own,
    });
    const app: Caller = {
      namespace: 'shop',
      serviceAccount: 'cart',
      podName: 'cart-1',
      podUid: 'uid-cart-1',
      nodeName: 'a',
    };
    expect(authorizeIdentity(app, undefined, directory({ name: 'cart-1' }), settings)).toEqual({
      allowed: true,
      identity: cart,
    });
    expect(authorizeIdentity(app, cart, directory({ name: 'cart-1' }), settings)).toMatchObject({ allowed: true });
  });

  it.each<[string, PodFacts[], Partial<Caller>, Partial<typeof cart>, RegExp, boolean]>([
    ['no such pod', [ZTUNNEL], {}, {}, /no pod of shop\/cart/, true],
    ['the pod on another node', [ZTUNNEL, { name: 'cart-1', node: 'b' }], {}, {}, /no pod of shop\/cart/, true],
    ['a pod that has failed', [ZTUNNEL, { name: 'cart-1', phase: 'Failed' }], {}, {}, /no pod of shop\/cart/, true],
    [
      'a pod that has completed',
      [ZTUNNEL, { name: 'cart-1', phase: 'Succeeded' }],
      {},
      {},
      /no pod of shop\/cart/,
      true,
    ],
    [
      'the same account of another namespace',
      [ZTUNNEL, { name: 'cart-1', namespace: 'dev' }],
      {},
      {},
      /no pod of shop\/cart/,
      true,
    ],
    ['another trust domain', [ZTUNNEL, { name: 'cart-1' }], {}, { trustDomain: 'evil.example' }, /trust domain/, false],
    ['an unknown caller', [{ name: 'cart-1' }], {}, {}, /not known/, true],
    ['a caller of a former life', [{ ...ZTUNNEL, uid: 'new' }, { name: 'cart-1' }], {}, {}, /uid/, true],
    ['a caller that has ended', [{ ...ZTUNNEL, phase: 'Failed' }, { name: 'cart-1' }], {}, {}, /ended/, false],
    [
      'a caller that claims another node',
      [ZTUNNEL, { name: 'cart-1', node: 'b' }],
      { nodeName: 'b' },
      {},
      /another node/,
      true,
    ],
    [
      'a caller of another account',
      [{ ...ZTUNNEL, account: 'other' }, { name: 'cart-1' }],
      {},
      {},
      /another account/,
      false,
    ],
    [
      'an application that asks for its neighbour',
      [{ name: 'web-1', account: 'web' }, { name: 'cart-1' }],
      { namespace: 'shop', serviceAccount: 'web', podName: 'web-1', podUid: 'uid-web-1' },
      {},
      /no trusted node account/,
      false,
    ],
  ])('refuses %s', (_name, facts, callerChange, identityChange, reason, mayChange) => {
    const answer = authorizeIdentity(
      { ...caller, ...callerChange },
      { ...cart, ...identityChange },
      directory(...facts),
      settings,
    );
    expect(answer).toMatchObject({ allowed: false, mayChange });
    expect(answer.allowed ? '' : answer.reason).toMatch(reason);
  });
});
