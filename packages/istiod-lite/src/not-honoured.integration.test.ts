import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestControlPlane } from './test-control-plane.ts';
import { eventually, type TestController } from './test-controller.ts';
import type { TestKubernetes } from './test-kubernetes.ts';
import { NOT_HONOURED_KINDS } from './watch/not-honoured-kinds.ts';

/** The Gateways of the other group are waited for. */
const HELD: readonly string[] = NOT_HONOURED_KINDS.map(({ resources }) => resources[0]?.plural ?? '').filter(
  (plural) => plural !== 'gateways',
);

let plane: TestControlPlane;
let kubernetes: TestKubernetes;
let controller: TestController;

beforeEach(async () => {
  plane = await TestControlPlane.create();
  ({ kubernetes, controller } = plane);
});
afterEach(() => plane.destroy());

function collectionOf(kind: string, version = 0): string {
  const {
    group,
    version: name,
    plural,
  } = NOT_HONOURED_KINDS.find((row) => row.kind === kind)?.resources[version] ?? {};
  return `/apis/${group ?? ''}/${name ?? ''}/${plural ?? ''}`;
}

async function problems(): Promise<string[]> {
  const { text } = await controller.page('/debug/problems');
  return (JSON.parse(text) as { notHonoured: string[] }).notHonoured;
}

async function named(line: RegExp): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await problems()).some((problem) => line.test(problem))) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${String(line)}`);
    await new Promise((resume) => setTimeout(resume, 20));
  }
}

describe('objects on which nobody acts', () => {
  it('hold nothing up, and are named in the log, to who asks and in their status', async () => {
    kubernetes.put(collectionOf('WorkloadGroup'), {
      metadata: { name: 'machines', namespace: 'shop', generation: 3, annotations: { large: 'x' } },
      spec: { template: { serviceAccount: 'vm' } },
    });
    for (const plural of HELD) kubernetes.held.set(plural, []);
    await controller.start();
    expect((await controller.page('/ready')).status).toBe(200);
    await eventually(() => ((kubernetes.held.get('workloadgroups')?.length ?? 0) > 0 ? true : undefined), 'a list');
    expect(await problems()).toEqual([]);
    for (const plural of HELD) kubernetes.release(plural);
    await named(/^WorkloadGroup shop\/machines: no machine registers itself here/);
    await controller.logged('not honoured as written: WorkloadGroup shop/machines');
    const status = await eventually(
      () => kubernetes.get(collectionOf('WorkloadGroup'), 'shop/machines')?.['status'],
      'its condition',
    );
    expect(status).toMatchObject({
      conditions: [{ type: 'Accepted', status: 'False', reason: 'NotHonoured', observedGeneration: 3 }],
    });
    kubernetes.remove(collectionOf('WorkloadGroup'), 'shop/machines');
    await expect.poll(problems, { timeout: 10_000 }).toEqual([]);
  });

  it('are found in the version that an older cluster serves', async () => {
    const spec = { parentRefs: [{ group: '', kind: 'Service', name: 'web' }] };
    kubernetes.absent.add('udproutes');
    await controller.start();
    const { notHonoured } = JSON.parse((await controller.page('/debug/sync')).text) as {
      notHonoured: { kind: string }[];
    };
    expect(notHonoured.map(({ kind }) => kind)).toContain('udproutes.gateway.networking.k8s.io');
    // Absent in every version, then there in the older one alone.
    kubernetes.absentIn.add(collectionOf('UDPRoute'));
    kubernetes.absent.delete('udproutes');
    kubernetes.put(collectionOf('UDPRoute', 1), { metadata: { name: 'r', namespace: 'shop' }, spec });
    await named(/^UDPRoute shop\/r on Service web: /);
    const status = await eventually(
      () => kubernetes.get(collectionOf('UDPRoute', 1), 'shop/r')?.['status'],
      'its status',
    );
    expect(status).toMatchObject({ parents: [{ conditions: [{ type: 'Accepted', status: 'False' }] }] });
  }, 40_000);
});
