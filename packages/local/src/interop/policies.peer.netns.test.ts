import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bed } from '../bed/bed.ts';
import type { BedPod } from '../bed/pod.ts';
import { ask, eventually, openBed, WHO_SERVER } from '../bed/test-bed.ts';
import { STOCK_ZTUNNEL } from './test-peer.ts';

const MESH = `
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { istio.io/dataplane-mode: ambient } }
---
apiVersion: v1
kind: Service
metadata: { name: on-a, namespace: shop }
spec: { selector: { app: on-a }, ports: [{ port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: on-b, namespace: shop }
spec: { selector: { app: on-b }, ports: [{ port: 80, targetPort: 8080 }] }
`;

const ONLY_FRIENDS = (app: string): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: only-friends, namespace: shop }
spec:
  selector: { matchLabels: { app: ${app} } }
  rules: [{ from: [{ source: { principals: [cluster.local/ns/shop/sa/friend] } }] }]
`;

describe('our ztunnel on node a, the stock one on node b, under our controller and our node agent', () => {
  let bed: Bed;
  let close: () => Promise<void>;
  const pods = new Map<string, BedPod>();

  const asks = async (from: string, service: string): Promise<string> => {
    const pod = pods.get(from);
    if (pod === undefined) throw new Error(`no pod ${from}`);
    return (await pod.run(ask(service, 80))).stdout.trim();
  };
  const log = (node: 'a' | 'b'): string => bed.node(node).proxy.process?.output() ?? '';

  beforeAll(async () => {
    ({ bed, close } = await openBed({ proxies: { a: { kind: 'ambit' }, b: { kind: 'binary', path: STOCK_ZTUNNEL } } }));
    bed.apply('mesh', MESH);
    for (const node of ['a', 'b'] as const) {
      const name = `on-${node}`;
      const server = {
        name,
        namespace: 'shop',
        labels: { app: name },
        command: WHO_SERVER,
        readinessProbe: { tcpSocket: { port: 8080 } },
      };
      pods.set(name, await bed.node(node).pod(server));
      for (const serviceAccount of ['friend', 'stranger']) {
        const client = { name: `${serviceAccount}-${node}`, namespace: 'shop', serviceAccount };
        pods.set(client.name, await bed.node(node).pod(client));
      }
    }
    await bed.settled();
  });
  afterAll(async () => await close());

  it.each([
    ['friend-a', 'on-b', 'b'],
    ['friend-b', 'on-a', 'a'],
  ] as const)(
    '%s reaches %s through the tunnel, under its identity, and nothing is readable on the link',
    async (client, service, node) => {
      const frames: string[] = [];
      const tap = bed.tap((frame) => frames.push(frame.toString('latin1')));
      await eventually('the Service answers', async () => (await asks(client, service)).startsWith(`${service} saw`));
      expect(await asks(client, service)).toBe(`${service} saw ${pods.get(client)?.ip ?? ''}`);
      await tap.stop();
      const crossed = frames.join('');
      expect(crossed.length).toBeGreaterThan(1_000);
      expect(crossed).not.toContain(' saw ');
      expect(crossed).not.toContain('who\n');
      await eventually('the server side knows the client', () =>
        log(node).includes('src.identity="spiffe://cluster.local/ns/shop/sa/friend"'),
      );
    },
  );

  it.each([
    ['a', 'on-b', 'b'],
    ['b', 'on-a', 'a'],
  ] as const)(
    'clients on node %s: a policy lets the friend in to %s and keeps the stranger out',
    async (from, service, node) => {
      bed.apply('policy', ONLY_FRIENDS(service));
      try {
        await eventually(
          'the stranger is refused',
          async () =>
            (await asks(`stranger-${from}`, service)) !== `${service} saw ${pods.get(`stranger-${from}`)?.ip ?? ''}`,
        );
        expect(await asks(`friend-${from}`, service)).toBe(`${service} saw ${pods.get(`friend-${from}`)?.ip ?? ''}`);
        await eventually('the refusal is in the log', () =>
          /src\.identity="spiffe:\/\/cluster\.local\/ns\/shop\/sa\/stranger".*(?:polic|DENY)/i.test(log(node)),
        );
      } finally {
        bed.remove('policy');
      }
      await eventually('without the policy the stranger is let in', async () =>
        (await asks(`stranger-${from}`, service)).startsWith(service),
      );
    },
  );

  it('a pod on either node asks its proxy for names, and the proxy the cluster', async () => {
    for (const client of ['friend-a', 'friend-b']) {
      expect(await asks(client, 'on-a.shop.svc.cluster.local')).toMatch(/^on-a saw /);
      expect((await pods.get(client)?.run(ask('nothing.shop', 80)))?.stdout.trim()).toBe('ENOTFOUND');
    }
  });
});
