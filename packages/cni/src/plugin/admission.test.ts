import { ManualClock } from '@ambit/core/clock';
import { beforeEach, describe, expect, it } from 'vitest';
import { eligibility, type NamespaceFacts } from '../pods/eligibility.ts';
import type { PodObject } from '../pods/node-pod.ts';
import type { AddRequest } from './add-request.ts';
import { Admission } from './admission.ts';
import type { AddAnswer } from './plugin-server.ts';

const POD: PodObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'fresh', uid: 'u-1' },
  status: { phase: 'Pending' },
};
const REQUEST: AddRequest = {
  netns: '/var/run/netns/x',
  name: 'web',
  namespace: 'fresh',
  uid: 'u-1',
  ips: ['10.0.0.5'],
  mustWait: true,
};

describe('a pod of a namespace that the agent has not heard of yet', () => {
  let clock: ManualClock;
  let namespaces: Map<string, NamespaceFacts>;
  let admitted: string[];
  let admission: Admission;

  beforeEach(() => {
    clock = new ManualClock();
    namespaces = new Map();
    admitted = [];
    admission = new Admission({
      pods: {
        member: ({ key }) => ({
          admit: () => {
            admitted.push(key);
            return Promise.resolve();
          },
        }),
      },
      known: () => POD,
      ask: () => Promise.reject(new Error('nobody asks')),
      decide: (pod) =>
        eligibility(pod, namespaces.get(pod.namespace), { excludedNamespaces: [], meshNamespace: 'istio-system' }),
      knowsNamespace: (name) => namespaces.has(name),
      begun: Promise.resolve(),
      clock,
    });
  });

  /** Lets time pass in the steps of those who poll. */
  async function after(milliseconds: number): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += 10) {
      clock.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  it.each([
    ['joins the mesh as its label says', { 'istio.io/dataplane-mode': 'ambient' }, ['fresh/web']],
    ['starts outside of it where there is no label', {}, []],
  ])('waits for it, and then %s', async (_what, labels, joined) => {
    const answer: Promise<AddAnswer> = admission.add(REQUEST);
    await after(300);
    namespaces.set('fresh', { name: 'fresh', labels });
    await after(20);
    expect(await answer).toMatchObject({ enrolled: joined.length > 0 });
    expect(admitted).toEqual(joined);
  });

  it('does not start in the clear when the namespace stays unknown, and says why', async () => {
    const refused = admission.add(REQUEST).catch((error: unknown) => String(error));
    await after(17_500);
    expect(await refused).toMatch(/pod fresh\/web .* has not told the node agent of namespace fresh yet/);
    expect(admitted).toEqual([]);
  });
});
