import { describe, expect, it } from 'vitest';
import { controlPlaneOfEachTest } from './test-control-plane.ts';
import { eventually } from './test-controller.ts';
import { NOT_HONOURED_KINDS } from './watch/not-honoured-kinds.ts';

/** The Gateways of the other group are waited for. */
const HELD: readonly string[] = NOT_HONOURED_KINDS.map(({ resources }) => resources[0]?.plural ?? '').filter(
  (plural) => plural !== 'gateways',
);

const plane = controlPlaneOfEachTest();

function collectionOf(kind: string, version = 0): string {
  const {
    group,
    version: name,
    plural,
  } = NOT_HONOURED_KINDS.find((row) => row.kind === kind)?.resources[version] ?? {};
  return `/apis/${group ?? ''}/${name ?? ''}/${plural ?? ''}`;
}

async function problems(): Promise<string[]> {
  const { text } = await plane.controller.page('/debug/problems');
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
    plane.kubernetes.put(collectionOf('WorkloadGroup'), {
      metadata: { name: 'machines', namespace: 'shop', generation: 3, annotations: { large: 'x' } },
      spec: { template: { serviceAccount: 'vm' } },
    });
    for (const plural of HELD) plane.kubernetes.held.set(plural, []);
    await plane.controller.start();
    expect((await plane.controller.page('/ready')).status).toBe(200);
    await eventually(
      () => ((plane.kubernetes.held.get('workloadgroups')?.length ?? 0) > 0 ? true : undefined),
      'a list',
    );
    expect(await problems()).toEqual([]);
    for (const plural of HELD) plane.kubernetes.release(plural);
    await named(/^WorkloadGroup shop\/machines: no machine registers itself here/);
    await plane.controller.logged('not honoured as written: WorkloadGroup shop/machines');
    const status = await eventually(
      () => plane.kubernetes.get(collectionOf('WorkloadGroup'), 'shop/machines')?.['status'],
      'its condition',
    );
    expect(status).toMatchObject({
      conditions: [{ type: 'Accepted', status: 'False', reason: 'NotHonoured', observedGeneration: 3 }],
    });
    plane.kubernetes.remove(collectionOf('WorkloadGroup'), 'shop/machines');
    await expect.poll(problems, { timeout: 10_000 }).toEqual([]);
  });

  it('are found in the version that an older cluster serves', async () => {
    const spec = { parentRefs: [{ group: '', kind: 'Service', name: 'web' }] };
    plane.kubernetes.absent.add('udproutes');
    await plane.controller.start();
    const { notHonoured } = JSON.parse((await plane.controller.page('/debug/sync')).text) as {
      notHonoured: { kind: string }[];
    };
    expect(notHonoured.map(({ kind }) => kind)).toContain('udproutes.gateway.networking.k8s.io');
    // Absent in every version, then there in the older one alone.
    plane.kubernetes.absentIn.add(collectionOf('UDPRoute'));
    plane.kubernetes.absent.delete('udproutes');
    plane.kubernetes.put(collectionOf('UDPRoute', 1), { metadata: { name: 'r', namespace: 'shop' }, spec });
    await named(/^UDPRoute shop\/r on Service web: /);
    const status = await eventually(
      () => plane.kubernetes.get(collectionOf('UDPRoute', 1), 'shop/r')?.['status'],
      'its status',
    );
    expect(status).toMatchObject({ parents: [{ conditions: [{ type: 'Accepted', status: 'False' }] }] });
  }, 40_000);
});
