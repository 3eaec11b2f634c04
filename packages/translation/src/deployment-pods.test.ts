import { describe, expect, it } from 'vitest';
import { podsOfDeployment } from './deployment-pods.ts';
import type { Deployment } from './objects.ts';
import { workloadNamesOf } from './translate/workload-name.ts';

function deployment(change: { name?: string; replicas?: number; image?: string } = {}): Deployment {
  const { name = 'cart', replicas = 2, image = 'cart:1' } = change;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'shop' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name }, annotations: { a: 'b' } },
        spec: { serviceAccountName: 'cart', containers: [{ name: 'c', image }] },
      },
    },
  };
}

const names = (value: Deployment): string[] => podsOfDeployment(value).map(({ metadata }) => metadata.name);

describe('podsOfDeployment', () => {
  it('makes pods as a ReplicaSet would', () => {
    const [pod, other] = podsOfDeployment(deployment());
    expect(pod?.metadata.name).toMatch(/^cart-[bcdfghjklmnpqrstvwxz2456789]{10}-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(other?.metadata.name).not.toBe(pod?.metadata.name);
    expect(pod).toMatchObject({
      metadata: {
        namespace: 'shop',
        labels: { app: 'cart' },
        annotations: { a: 'b' },
        ownerReferences: [{ kind: 'ReplicaSet' }],
      },
      spec: { serviceAccountName: 'cart', containers: [{ image: 'cart:1' }] },
    });
    expect(pod === undefined ? undefined : workloadNamesOf(pod).workloadName).toBe('cart');
  });

  it('keeps its pods while the template stands, whatever the number', () => {
    expect(names(deployment({ replicas: 3 })).slice(0, 2)).toEqual(names(deployment()));
    expect(names(deployment({ replicas: 0 }))).toEqual([]);
    expect(names(deployment({ image: 'cart:2' }))).not.toEqual(names(deployment()));
  });

  it('gives thousands of pods names of their own, short enough for DNS', () => {
    const many = names(deployment({ name: `c${'a'.repeat(61)}`, replicas: 3_000 }));
    expect(new Set(many).size).toBe(3_000);
    expect(Math.max(...many.map((name) => name.length))).toBeLessThanOrEqual(63);
  });
});
