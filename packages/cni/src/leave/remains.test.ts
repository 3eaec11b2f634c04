import { describe, expect, it } from 'vitest';
import { fateOf } from './mark.ts';
import { type Listed, remainsOf } from './remains.ts';

const node = (name: string, ready: boolean): Listed['nodes'][number] => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'Unknown' }] },
});
const pod = (
  name: string,
  nodeName: string,
  annotations: Record<string, string>,
  phase = 'Running',
): Listed['pods'][number] => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', annotations },
  spec: { nodeName },
  status: { phase },
});
const ENABLED = { 'ambient.istio.io/redirection': 'enabled' };

describe('what of the mesh is left', () => {
  it('counts agents without an answer to this attempt, pods of the mesh, and nodes that have pods and no agent', () => {
    const listed: Listed = {
      nodes: [node('a', true), node('b', true), node('c', true), node('d', false), node('e', true)],
      agents: [
        pod('x', 'a', { 'ambit.io/uninstalled': 'try-2' }),
        pod('y', 'b', { 'ambit.io/uninstalled': 'try-1' }),
        pod('z', 'd', {}),
        pod('w', 'e', { 'ambit.io/uninstalled': 'try-2' }),
      ],
      pods: [
        pod('plain', 'a', {}),
        pod('job', 'a', ENABLED, 'Succeeded'),
        pod('web', 'c', ENABLED),
        pod('far', 'd', ENABLED),
        pod('late', 'e', ENABLED),
      ],
    };
    expect(remainsOf(listed, 'try-2')).toEqual({
      nodes: ['b', 'c'],
      pods: ['shop/late', 'shop/web'],
      unreachable: ['d'],
    });
  });
});

describe('what the DaemonSet says', () => {
  const set = (metadata: object): Parameters<typeof fateOf>[1] => ({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'istio-cni-node', ...metadata },
  });
  const marked = (drain?: string): object => ({
    annotations: { 'ambit.io/uninstall': 'try-1', ...(drain !== undefined && { 'ambit.io/uninstall-drain': drain }) },
  });

  const revised = (meant: string, installed: string): object => ({
    annotations: {
      ...{ 'ambit.io/uninstall': 'try-1', 'ambit.io/uninstall-drain': '60s' },
      ...{ 'ambit.io/uninstall-revision': meant, 'ambit.io/release-revision': installed },
    },
  });

  it.each([
    ['it is there', 'modified', {}, { kind: 'stays' }],
    ['it is deleted', 'deleted', {}, { kind: 'gone' }],
    ['it is being deleted', 'modified', { deletionTimestamp: '2026-01-01T00:00:00Z' }, { kind: 'gone' }],
    ['it is marked', 'added', marked('60s'), { kind: 'leaves', mark: 'try-1', drain: 60_000 }],
    ['in minutes', 'added', marked('2m'), { kind: 'leaves', mark: 'try-1', drain: 120_000 }],
    ['without a time', 'modified', marked(), { kind: 'leaves', mark: 'try-1', drain: 0 }],
    ['with nonsense', 'modified', marked('soon'), { kind: 'leaves', mark: 'try-1', drain: 0 }],
    ['marked and gone', 'deleted', marked('60s'), { kind: 'gone' }],
    ['marked in this revision', 'added', revised('3', '3'), { kind: 'leaves', mark: 'try-1', drain: 60_000 }],
    ['marked before it was rolled back or upgraded', 'added', revised('3', '4'), { kind: 'stays' }],
    ['of a release without numbers', 'added', revised('3', 'four'), { kind: 'leaves', mark: 'try-1', drain: 60_000 }],
  ] as const)('%s', (_name, change, metadata, fate) => {
    expect(fateOf(change, set(metadata))).toEqual(fate);
  });
});
