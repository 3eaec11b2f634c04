import { describe, expect, it } from 'vitest';
import { controlPlaneOfEachTest } from './test-control-plane.ts';
import { eventually } from './test-controller.ts';

const GATEWAYS = '/apis/gateway.networking.k8s.io/v1/gateways';
const MADE = [
  '/apis/apps/v1/deployments',
  '/apis/policy/v1/poddisruptionbudgets',
  '/api/v1/services',
  '/api/v1/serviceaccounts',
] as const;
const DONE = { observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 2 };

const plane = controlPlaneOfEachTest();

function putGateway(name: string, further: object = {}): void {
  plane.kubernetes.put(GATEWAYS, {
    metadata: { name, namespace: 'shop', ...further },
    spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }] },
  });
}

/** Which kinds of objects of a name are there. */
function there(name: string): string[] {
  return MADE.filter((collection) => plane.kubernetes.get(collection, `shop/${name}`) !== undefined);
}

/** As the cluster's own controllers would, once all pods are ready. */
async function rollOut(name: string): Promise<void> {
  const deployment = await eventually(() => {
    const found = plane.kubernetes.get(MADE[0], `shop/${name}`);
    return (found?.['spec'] as { replicas?: number } | undefined)?.replicas === 2 ? found : undefined;
  }, `Deployment ${name}`);
  plane.kubernetes.put(MADE[0], { ...deployment, status: DONE });
}

describe('a waypoint', () => {
  it('that gets another name loses the old one once the new one runs, and nothing of anybody else', async () => {
    putGateway('door');
    await plane.controller.start();
    await expect.poll(() => there('door'), { timeout: 10_000 }).toEqual(MADE);
    await rollOut('door');
    const foreign = {
      metadata: { name: 'mine', namespace: 'shop', labels: { 'gateway.networking.k8s.io/gateway-name': 'door' } },
    };
    plane.kubernetes.put('/api/v1/services', { ...foreign, spec: { ports: [{ port: 80 }] } });
    putGateway('door', { annotations: { 'gateway.istio.io/name-override': 'gate' } });
    await expect.poll(() => there('gate'), { timeout: 10_000 }).toEqual(MADE);
    expect(there('door')).toEqual(MADE);
    await rollOut('gate');
    await expect.poll(() => there('door'), { timeout: 10_000 }).toEqual([]);
    expect(there('gate')).toEqual(MADE);
    expect(there('mine')).toEqual(['/api/v1/services']);
  }, 40_000);

  it('of another revision is left alone, and named', async () => {
    putGateway('theirs', { labels: { 'istio.io/rev': 'blue' } });
    putGateway('ours');
    await plane.controller.start();
    await expect.poll(() => there('ours'), { timeout: 10_000 }).toEqual(MADE);
    await eventually(() => plane.kubernetes.get(GATEWAYS, 'shop/ours')?.['status'], 'the status of ours');
    await plane.controller.logged(
      'Gateway shop/theirs: Accepted=False Pending: it is left to the control plane of revision blue',
    );
    expect([there('theirs'), plane.kubernetes.get(GATEWAYS, 'shop/theirs')?.['status']]).toEqual([[], undefined]);
  }, 40_000);

  it('of the revision that this controller is told to be is its own', async () => {
    putGateway('theirs', { labels: { 'istio.io/rev': 'blue' } });
    putGateway('unlabelled');
    await plane.controller.start('--revision', 'blue');
    await expect.poll(() => there('theirs'), { timeout: 10_000 }).toEqual(MADE);
    expect(there('unlabelled')).toEqual([]);
  }, 40_000);
});
