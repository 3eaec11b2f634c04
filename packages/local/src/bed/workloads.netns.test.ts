import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bed } from './bed.ts';
import { eventually, openBed } from './test-bed.ts';

/** A program for an image: prints what it is told by its environment, serves HTTP, and fails when asked to. */
const PROGRAM = `
import { createServer } from 'node:http';
console.log(['started', process.env.POD, process.env.IP, process.env.NODE_NAME, process.argv[2]].join(' '));
let ready = true;
const server = createServer((request, response) => {
  if (request.url === '/break') ready = false;
  response.statusCode = request.url === '/healthz' && !ready ? 500 : 200;
  response.end(process.argv[2]);
}).listen(8080, '0.0.0.0');
process.on('SIGTERM', () => { console.log('told to end'); setTimeout(() => process.exit(0), 50); });
`;

const deployment = (version: string, extra = '', image = 'example.org/web:1'): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      serviceAccountName: web
      containers:
        - name: web
          image: ${image}
          command: [node, web.mjs, ${version}]
          env:
            - { name: POD, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
            - { name: IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
            - { name: NODE_NAME, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /, port: http }, periodSeconds: 1 }
          ${extra}
`;

describe('workloads of manifests', () => {
  let folder: string;
  let bed: Bed;
  let reports: string[];
  let close: () => Promise<void>;
  const write = (text: string): void => writeFileSync(join(folder, 'manifests', 'web.yaml'), text);
  const names = (): string[] => bed.pods().map(({ name }) => name);

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'workloads-'));
    writeFileSync(join(folder, 'web.mjs'), PROGRAM);
    const { mkdirSync } = await import('node:fs');
    mkdirSync(join(folder, 'manifests'));
    ({ bed, reports, close } = await openBed({
      manifests: [join(folder, 'manifests')],
      images: { 'example.org/web': { directory: folder } },
    }));
  });
  afterEach(async () => {
    await close();
    rmSync(folder, { recursive: true });
  });

  it('a Deployment becomes pods on both nodes, told who they are', async () => {
    write(deployment('one'));
    await eventually('the pods are there', () => names().length === 2);
    await bed.settled();
    expect(
      bed
        .pods()
        .map(({ node }) => node)
        .toSorted(),
    ).toEqual(['a', 'b']);
    for (const pod of bed.pods()) {
      expect(pod.process()?.output()).toContain(`started ${pod.name} ${pod.ip} ${pod.node} one`);
      expect(pod.object).toMatchObject({
        metadata: { namespace: 'shop', labels: { app: 'web' }, ownerReferences: [{ kind: 'ReplicaSet' }] },
        spec: { nodeName: pod.node, serviceAccountName: 'web' },
        status: { phase: 'Running', podIP: pod.ip },
      });
    }
  });

  it('a changed template replaces them: the old ones end when the new ones are ready, and are asked to', async () => {
    write(deployment('one'));
    await eventually('the pods are there', () => names().length === 2);
    await bed.settled();
    const [old] = bed.pods();
    if (old === undefined) throw new Error('no pod');
    write(deployment('two'));
    await eventually('the new ones are there too', () => names().length === 4);
    await eventually('the old ones are gone', () => names().length === 2);
    expect(old.process()?.output()).toContain('told to end');
    await bed.settled();
    for (const pod of bed.pods()) expect(pod.process()?.output()).toContain('two');
    write('');
    await eventually('all are gone', () => names().length === 0);
  });

  it('a container that dies is started again; one whose liveness probe fails is restarted', async () => {
    const liveness =
      'livenessProbe: { httpGet: { path: /healthz, port: http }, periodSeconds: 1, failureThreshold: 1 }';
    write(deployment('one', liveness));
    await eventually('the pods are there', () => names().length === 2);
    await bed.settled();
    const [first, second] = bed.pods();
    if (first === undefined || second === undefined) throw new Error('no pods');
    const pid = first.process()?.pid;
    first.process()?.kill();
    await eventually('it is not ready', () => !first.ready);
    await eventually('it is ready again', () => first.ready);
    expect(first.process()?.pid).not.toBe(pid);
    await second.run(['curl', '-s', `${second.ip}:8080/break`]);
    await eventually(
      'it is restarted',
      () =>
        (
          second
            .process()
            ?.output()
            .match(/started/g) ?? []
        ).length === 2,
    );
    expect(reports.join()).toMatch(/container web is restarted, its liveness probe fails: answered with 500/);
  });

  it('what cannot run is said once, and nothing else waits for it', async () => {
    write(deployment('one', '', 'example.org/unknown:1'));
    await eventually('it is said', () => reports.length === 2);
    expect(reports[0]).toMatch(
      /AMBIT_BED_IMAGE pod shop\/web-.*nothing on this machine stands for example.org\/unknown/,
    );
    const other = await bed.node('a').pod({ name: 'other' });
    expect(other.ready).toBe(true);
    expect(reports).toHaveLength(2);
    write(deployment('one', 'imagined: true'));
    await eventually('the field is named', () => /web.yaml:\d+:\d+: .*imagined/.test(bed.problems().join()));
    write(deployment('two'));
    await eventually(
      'pods that can run are ready',
      () => bed.pods().filter(({ ready, namespace }) => ready && namespace === 'shop').length === 2,
    );
    expect(bed.problems()).toEqual([]);
  });
});
