import { NetworkMode } from '@ambit/proto/workload';
import { describe, expect, it } from 'vitest';
import { translated } from '../waypoint/test-translation.ts';

const entry = (kind: 'ServiceEntry' | 'WorkloadEntry', namespace: string, year: number, spec: object): string =>
  JSON.stringify({
    ...{ apiVersion: 'networking.istio.io/v1', kind, spec },
    metadata: { name: 'e', namespace, creationTimestamp: `${year}-01-01T00:00:00Z` },
  });

describe('a ServiceEntry with the address of a machine', () => {
  const machine = entry('WorkloadEntry', 'shop', 2022, { address: '192.0.2.1' });
  const claim = (namespace: string, year: number): string =>
    entry('ServiceEntry', namespace, year, {
      ...{ hosts: ['e.example'], addresses: ['192.0.2.1'], ports: [{ number: 80, name: 'http' }] },
    });
  const addressesOf = (namespace: string, objects: readonly string[]): number => {
    const found = translated(objects).addresses.get(`${namespace}/e.example`);
    return found?.type.case === 'service' ? found.type.value.addresses.length : -1;
  };

  it.each([
    ['of another namespace that was there first gets nothing of it', 'evil', 2023, 0],
    ['of another namespace that came later keeps it', 'evil', 2021, 1],
    ['of its own namespace has it', 'shop', 2023, 1],
  ])('%s', (_case, namespace, year, expected) => {
    expect(addressesOf(namespace, [machine, claim(namespace, year)])).toBe(expected);
  });

  it('is not kept from the address of an own pod', () => {
    const pod =
      '{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop}, spec: {containers: [{name: c, image: c}]}, status: {phase: Running, podIP: 192.0.2.1}}';
    const squatter = entry('WorkloadEntry', 'evil', 2020, { address: '192.0.2.1' });
    expect(addressesOf('shop', [pod, squatter, claim('shop', 2023)])).toBe(1);
  });
});

it.each([true, false])(
  'a WorkloadEntry is not found by the address of a pod, on the network of a node: %s',
  (onNode) => {
    const pod = `{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: kube-system}, spec: {hostNetwork: ${onNode}, containers: [{name: c, image: c}]}, status: {phase: Running, podIP: 192.0.2.1}}`;
    const { addresses } = translated([pod, entry('WorkloadEntry', 'evil', 2020, { address: '192.0.2.1' })]);
    const found = addresses.get('Kubernetes/networking.istio.io/WorkloadEntry/evil/e');
    expect(found?.type.case === 'workload' && found.type.value.networkMode).toBe(NetworkMode.HOST_NETWORK);
  },
);
