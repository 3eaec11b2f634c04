import type { LabelledService, LabelledWorkload } from './traffic-labels.ts';

export function workload(name: string, fields: Partial<LabelledWorkload> = {}): LabelledWorkload {
  return {
    uid: `cluster//Pod/shop/${name}`,
    namespace: 'shop',
    workloadName: name.replace(/-[0-9]+$/, ''),
    canonicalName: `${name.replace(/-[0-9]+$/, '')}-app`,
    canonicalRevision: 'v1',
    clusterId: 'Kubernetes',
    locality: { region: 'r1', zone: 'z1' },
    ...fields,
  };
}

export const CART: LabelledService = { name: 'cart', namespace: 'shop', hostname: 'cart.shop.svc.cluster.local' };

export function spiffe(account: string): string {
  return `spiffe://cluster.local/ns/shop/sa/${account}`;
}
