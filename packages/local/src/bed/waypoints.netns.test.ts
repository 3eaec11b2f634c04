import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bed } from './bed.ts';
import type { BedPod } from './pod.ts';
import { eventually, openBed } from './test-bed.ts';

/** Stands for a waypoint: says what it was told, and is ready half a second after its start. */
const PROGRAM = `
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
const { POD_NAME, POD_NAMESPACE, SERVICE_ACCOUNT, GATEWAY_NAME, INSTANCE_IP, AUTH_TOKEN, XDS_ROOT_CA, LOG_FORMAT } = process.env;
const claims = JSON.parse(Buffer.from(readFileSync(AUTH_TOKEN, 'utf8').split('.')[1], 'base64url'));
const roots = readFileSync(XDS_ROOT_CA, 'utf8');
console.log(JSON.stringify({ POD_NAME, POD_NAMESPACE, SERVICE_ACCOUNT, GATEWAY_NAME, INSTANCE_IP, LOG_FORMAT, roots, sub: claims.sub }));
setTimeout(() => createServer((_, response) => response.end()).listen(15021, '0.0.0.0'), 500);
process.on('SIGTERM', () => process.exit(0));
`;

const gateway = (replicas: number, gatewayClass = 'istio-waypoint'): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: door, namespace: shop, annotations: { ambit.io/replicas: "${replicas}" } }
spec:
  gatewayClassName: ${gatewayClass}
  listeners: [{ name: mesh, port: 15008, protocol: HBONE }]
`;

describe('a Gateway of class istio-waypoint', () => {
  let folder: string;
  let bed: Bed;
  let close: () => Promise<void>;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'waypoints-'));
    writeFileSync(join(folder, 'stand-in.mjs'), PROGRAM);
    ({ bed, close } = await openBed({
      images: { 'ghcr.io/ambit-mesh/waypoint': { directory: folder, command: ['node', 'stand-in.mjs'] } },
    }));
    // Only a controller writes them.
    mkdirSync(join(bed.controller.rootCertificates, '..'), { recursive: true });
    writeFileSync(bed.controller.rootCertificates, 'the roots');
  });
  afterEach(async () => {
    await close();
    rmSync(folder, { recursive: true });
  });

  const replicas = async (count: number): Promise<BedPod[]> => {
    await eventually(`${count} pods`, () => bed.pods().filter(({ deleting }) => !deleting).length === count);
    await bed.settled();
    return bed.pods();
  };

  it('becomes pods that know who they are and are not in the mesh; they go with it', async () => {
    bed.apply('door', gateway(2));
    const pods = await replicas(2);
    for (const pod of pods) {
      expect(JSON.parse(pod.process()?.output() ?? '')).toEqual({
        ...{ POD_NAME: pod.name, POD_NAMESPACE: 'shop', SERVICE_ACCOUNT: 'door', GATEWAY_NAME: 'door' },
        ...{ INSTANCE_IP: pod.ip, roots: 'the roots', sub: 'system:serviceaccount:shop:door' },
      });
      expect(pod.enrolment.captured).toBe(false);
    }
    expect(bed.serviceAddress('door.shop')).toMatch(/^10\.96\./);
    bed.remove('door');
    await replicas(0);
    expect(() => bed.serviceAddress('door.shop')).toThrow('no Service');
  });

  it('has as many pods as its annotation says, and those that stay go on', async () => {
    bed.apply('door', gateway(1));
    const [first] = await replicas(1);
    bed.apply('door', gateway(3));
    expect(await replicas(3)).toContain(first);
    bed.apply('door', gateway(1));
    await eventually('two are gone', () => bed.pods().length === 1);
    expect(bed.pods()).toEqual([first]);
    bed.apply('door', gateway(1, 'istio'));
    await replicas(0);
  });

  it('whose pod crashes is ready again only when its probe passes', async () => {
    bed.apply('door', gateway(1));
    const [pod] = await replicas(1);
    if (pod === undefined) throw new Error('no pod');
    const pid = pod.process()?.pid;
    pod.process()?.kill();
    await eventually('it was started again', () => pod.process()?.running === true && pod.process()?.pid !== pid);
    expect(pod.ready).toBe(false);
    await eventually('it is ready', () => pod.ready);
  });
});
