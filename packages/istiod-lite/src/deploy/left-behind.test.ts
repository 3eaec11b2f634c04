import type { KubeObject } from '@ambit/kube/resource';
import { SERVICES } from '@ambit/kube/resource';
import type { Gateway } from '@ambit/translation/gateway-objects';
import { describe, expect, it } from 'vitest';
import { deleteLeftBehind, isRolledOut } from './left-behind.ts';

const GATEWAY: Gateway = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  metadata: { name: 'door', namespace: 'shop', uid: 'uid-door' },
  spec: { gatewayClassName: 'istio-waypoint', listeners: [] },
};

function service(name: string, further: Partial<KubeObject['metadata']> = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      ...{ name, namespace: 'shop', uid: `uid-${name}` },
      labels: { 'gateway.networking.k8s.io/gateway-name': 'door' },
      ownerReferences: [{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name: 'door', uid: 'uid-door' }],
      ...further,
    },
  };
}

async function deletedOf(known: readonly KubeObject[]): Promise<string[]> {
  const deleted: string[] = [];
  const client = {
    delete: (_resource: unknown, name: string, namespace?: string, { uid = '' }: { uid?: string } = {}) => {
      deleted.push(`${namespace ?? ''}/${name} ${uid}`);
      return Promise.resolve(true);
    },
  };
  const did = await deleteLeftBehind(client, GATEWAY, [{ resource: SERVICES, name: 'new', known }]);
  expect(did).toBe(deleted.length > 0);
  return deleted;
}

describe('what a Gateway was called before', () => {
  it('is deleted, by its uid, and what it is called now stays', async () => {
    expect(await deletedOf([service('old'), service('new')])).toEqual(['shop/old uid-old']);
  });

  it('is left alone when it is somebody else’s', async () => {
    const others = [{ apiVersion: 'v1', kind: 'Gateway', name: 'door', uid: 'uid-of-an-earlier-door' }];
    expect(
      await deletedOf([
        service('no-owner', { ownerReferences: [] }),
        service('earlier', { ownerReferences: others }),
        service('no-label', { labels: {} }),
        service('elsewhere', { namespace: 'bank' }),
        service('going', { deletionTimestamp: '2026-01-31T10:00:00Z' }),
      ]),
    ).toEqual([]);
  });
});

describe('a Deployment', () => {
  const deployment = (status: object): Parameters<typeof isRolledOut>[0] => ({
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'new', generation: 3 } },
    ...{ spec: { replicas: 2 }, status },
  });
  const done = { observedGeneration: 3, replicas: 2, updatedReplicas: 2, availableReplicas: 2 };

  it('is rolled out when all its pods are of its newest state and there, and no others are', () => {
    expect(isRolledOut(deployment(done))).toBe(true);
    for (const short of [
      { observedGeneration: 2 },
      { replicas: 3 },
      { updatedReplicas: 1 },
      { availableReplicas: 1 },
      { availableReplicas: undefined },
    ]) {
      expect(isRolledOut(deployment({ ...done, ...short })), JSON.stringify(short)).toBe(false);
    }
    expect(isRolledOut(undefined)).toBe(false);
  });
});
