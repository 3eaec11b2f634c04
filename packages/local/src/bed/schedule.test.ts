import { describe, expect, it } from 'vitest';
import { podObject } from './pod-plan.ts';
import { chooseNode, isSibling, type PlacedPod } from './schedule.ts';
import type { Pod } from '@ambit/translation/objects';

const plain = (name: string): Pod => podObject({ name });

function ofDeployment(deployment: string, hash: string, index: number): Pod {
  const pod = podObject({ name: `${deployment}-${hash}-${index}`, labels: { 'pod-template-hash': hash } });
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${deployment}-${hash}`, uid: '1' };
  return { ...pod, metadata: { ...pod.metadata, ownerReferences: [owner] } };
}

describe('scheduling', () => {
  it('spreads the pods of a Deployment first, and all pods then', () => {
    const placed: PlacedPod[] = [];
    const place = (pod: Pod): string => {
      const node = chooseNode(pod, placed);
      placed.push({ node, wanted: pod });
      return node;
    };
    expect([place(plain('one')), place(plain('two')), place(plain('three'))]).toEqual(['a', 'b', 'a']);
    expect([
      place(ofDeployment('web', 'h1', 0)),
      place(ofDeployment('web', 'h1', 1)),
      place(ofDeployment('web', 'h1', 2)),
    ]).toEqual(['b', 'a', 'b']);
  });

  it('a pod may name its node; one that is not there is refused', () => {
    const named = (nodeName: string): Pod => ({ ...plain('p'), spec: { ...plain('p').spec, nodeName } });
    expect(chooseNode(named('b'), [])).toBe('b');
    expect(
      chooseNode({ ...plain('p'), spec: { ...plain('p').spec, nodeSelector: { 'kubernetes.io/hostname': 'b' } } }, []),
    ).toBe('b');
    expect(() => chooseNode(named('worker-1'), [])).toThrow('pod default/p asks for node worker-1; there are a and b');
  });

  it('knows the pods of one Deployment, whatever their template', () => {
    expect(isSibling(ofDeployment('web', 'h1', 0), ofDeployment('web', 'h2', 0))).toBe(true);
    expect(isSibling(ofDeployment('web', 'h1', 0), ofDeployment('web-two', 'h1', 0))).toBe(false);
    expect(isSibling(plain('a'), plain('a'))).toBe(false);
  });
});
