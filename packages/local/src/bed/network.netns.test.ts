import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROBE_ADDRESS_V4 } from '@ambit/capture/host-contract';
import type { Bed } from './bed.ts';
import type { BedPod } from './pod.ts';
import { ask, eventually, openBed, script, WHO_SERVER } from './test-bed.ts';

const SERVICES = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: default }
spec:
  selector: { app: web }
  ports: [{ name: http, port: 80, targetPort: serve }]
---
apiVersion: v1
kind: Service
metadata: { name: nobody, namespace: default }
spec:
  selector: { app: nobody }
  ports: [{ port: 80 }]
---
apiVersion: v1
kind: Service
metadata: { name: headless, namespace: default }
spec:
  clusterIP: None
  selector: { app: web }
  ports: [{ name: http, port: 80, targetPort: serve }]
---
apiVersion: v1
kind: Service
metadata: { name: elsewhere, namespace: default }
spec: { type: ExternalName, externalName: web.default.svc.cluster.local }
`;

describe('two nodes and their pods, without a mesh', () => {
  let bed: Bed;
  let close: () => Promise<void>;
  let client: BedPod;
  let near: BedPod;
  let far: BedPod;

  const said = async (command: string[], pod = client): Promise<string> => (await pod.run(command)).stdout.trim();

  /** Asks until both pods behind the Service have answered: the choice is at random. */
  const seesBoth = async (host: string, from: BedPod): Promise<void> => {
    const seen = new Set<string>();
    await eventually('both pods answer', async () => {
      seen.add((await said(ask(host, 80), from)).split(' ')[0] ?? '');
      return seen.has('near') && seen.has('far');
    });
    expect(seen.size).toBe(2);
  };

  beforeAll(async () => {
    ({ bed, close } = await openBed());
    bed.apply('services', SERVICES);
    const web = {
      labels: { app: 'web' },
      command: WHO_SERVER,
      ports: { serve: 8080 },
      readinessProbe: { tcpSocket: { port: 'serve' } },
    };
    [client, near, far] = await Promise.all([
      bed.node('a').pod({ name: 'client' }),
      bed.node('a').pod({ name: 'near', ...web }),
      bed.node('b').pod({ name: 'far', ...web }),
    ]);
    await bed.settled();
  });
  afterAll(async () => await close());

  it('reach each other by address, on one node and across, under their own addresses', async () => {
    expect(await said(ask(near.ip, 8080))).toBe(`near saw ${client.ip}`);
    expect(await said(ask(far.ip, 8080))).toBe(`far saw ${client.ip}`);
    expect(await said(ask(near.ip, 8080), far)).toBe(`near saw ${far.ip}`);
  });

  it('reach a Service by address and by name: every ready pod behind it answers', async () => {
    const address = bed.serviceAddress('web.default');
    for (const name of [address, 'web', 'web.default', 'web.default.svc.cluster.local', 'elsewhere']) {
      expect(await said(ask(name, 80))).toMatch(/^(?:far|near) saw 10\.244\.1\.2$/);
    }
    await seesBoth('web', client);
  });

  it('a pod reaches itself through its Service', async () => {
    await seesBoth('web', near);
  });

  it('a Service without a ready pod refuses at once', async () => {
    expect(await said(ask('nobody', 80))).toBe('ECONNREFUSED');
  });

  it('ask DNS for headless Services, servers and names that do not exist', async () => {
    const resolve = script(`
      import { promises } from 'node:dns';
      const say = async (what, ...question) => {
        try { console.log(JSON.stringify(await promises[what](...question))); } catch (error) { console.log(error.code); }
      };
      await say('resolve4', 'headless.default.svc.cluster.local');
      await say('resolveSrv', '_http._tcp.web.default.svc.cluster.local');
      await say('resolve6', 'web.default.svc.cluster.local');
      await say('resolve4', 'nothing.default.svc.cluster.local');
    `);
    const [headless = '', servers = '', ...rest] = (await said(resolve)).split('\n');
    expect((JSON.parse(headless) as string[]).toSorted()).toEqual([near.ip, far.ip].toSorted());
    expect(JSON.parse(servers)).toMatchObject([{ name: 'web.default.svc.cluster.local', port: 80 }]);
    expect(rest).toEqual(['ENODATA', 'ENOTFOUND']);
  });

  it('have their own host name, resolv.conf and processes', async () => {
    expect(await said(['cat', '/etc/resolv.conf', '/proc/sys/kernel/hostname'])).toBe(
      'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\nclient',
    );
    const process = client.start(['sleep', '100']);
    expect(process.running).toBe(true);
    expect(await process.stop(1_000)).toEqual({ code: undefined, signal: 'SIGTERM' });
  });

  it('are probed from the node, and lose their place behind a Service while they fail', async () => {
    const flag = script(`
      import { createServer } from 'node:http';
      let ready = true;
      createServer((request, response) => {
        if (request.url === '/fail') ready = false;
        response.statusCode = request.url === '/ready' && !ready ? 503 : 200;
        response.end('from ' + request.socket.remoteAddress);
      }).listen(8080, '0.0.0.0');
    `);
    bed.apply(
      'flagged',
      'apiVersion: v1\nkind: Service\nmetadata: { name: flagged }\nspec: { selector: { app: flagged }, ports: [{ port: 8080 }] }',
    );
    const pod = await bed.node('b').pod({
      name: 'flagged',
      labels: { app: 'flagged' },
      command: flag,
      readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 1, failureThreshold: 1 },
    });
    await bed.settled();
    expect(await said(['curl', '-s', 'flagged:8080/fail'])).toBe('from 10.244.1.2');
    await eventually('the pod is not ready', () => !pod.ready);
    await eventually('the Service refuses', async () => (await said(ask('flagged', 8080))) === 'ECONNREFUSED');
    await bed.delete(pod, 100);
    expect(() => bed.pod('default/flagged')).toThrow(/there is no pod/);
  });

  it('the probe address is no address of the network', async () => {
    expect(await said(ask(PROBE_ADDRESS_V4, 1))).toMatch(/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ECONNREFUSED/);
  });

  it('the tap sees what crosses the link, and nothing of what does not', async () => {
    const frames: string[] = [];
    const tap = bed.tap((frame) => frames.push(frame.toString('latin1')));
    await said(ask(near.ip, 8080));
    await said(ask(far.ip, 8080));
    await tap.stop();
    const all = frames.join('\n');
    expect(all).toContain('far saw');
    expect(all).toContain('who\n');
    expect(all).not.toContain('near saw');
  });

  it('a link that is down stops what crosses it, and nothing else', async () => {
    bed.fabric.setLink(false);
    const cut = client.run(ask(far.ip, 8080), { timeout: 500 });
    await expect(cut).rejects.toThrow(/not finished/);
    expect(await said(ask(near.ip, 8080))).toBe(`near saw ${client.ip}`);
    bed.fabric.setLink(true);
    expect(await said(ask(far.ip, 8080))).toBe(`far saw ${client.ip}`);
  });
});
