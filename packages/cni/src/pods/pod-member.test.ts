import { openSync } from 'node:fs';
import { ManualClock } from '@ambit/core/clock';
import type { AgentPod } from '@ambit/zds/agent';
import { expect, it } from 'vitest';
import { nodePodOf } from './node-pod.ts';
import { PodMember } from './pod-member.ts';

it('a pod that is deleted while proxies are told of it anew is not made known again by a descriptor that is closed', async () => {
  const pod = nodePodOf({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', uid: 'u-1' },
    status: { phase: 'Running' },
  });
  if (pod === undefined) throw new Error('it is a pod');
  const told: AgentPod[] = [];
  const forgotten = Promise.withResolvers<undefined>();
  const clock = new ManualClock();
  const member = new PodMember(pod, {
    zds: {
      add: (known) => {
        told.push(known);
        return Promise.resolve();
      },
      remove: () => forgotten.promise,
    },
    probes: { add: () => undefined, remove: () => undefined },
    namespaces: {
      find: () => openSync('/dev/null', 'r'),
      open: () => openSync('/dev/null', 'r'),
      holds: () => true,
    },
    annotation: { write: () => Promise.resolve(), forget: () => undefined },
    clock,
    // Nothing is ever written in the pod.
    hostProc: '/nonexistent',
    dnsCapture: true,
    ipv6: false,
    leaveDeadline: () => 0,
    proxies: () => 1,
    report: () => undefined,
  });
  const admitted = member.admit(pod, { netns: '/run/netns/x', ips: ['10.0.0.5'], patience: 1 }).catch(() => undefined);
  const again = member.serveAgain(true);
  member.drop();
  forgotten.resolve(undefined);
  await again;
  expect(told).toEqual([]);
  clock.advance(60_000);
  await admitted;
});
