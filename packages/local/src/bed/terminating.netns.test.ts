import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bed } from './bed.ts';
import { ask, eventually, openBed, script } from './test-bed.ts';

const SHOP = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 8080}]}
`;

/** Serves on for a while after it was told to end, as a program with a preStop pause does. */
const RELUCTANT = script(`
  import { createServer } from 'node:net';
  createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write(process.env.HOSTNAME + ' saw it\\n'));
  }).listen(8080, '0.0.0.0');
  process.on('SIGTERM', () => setTimeout(() => process.exit(), 3_000));
`);

describe('a pod that is told to end and still serves', () => {
  let bed: Bed;
  let close: () => Promise<void>;

  beforeEach(async () => {
    ({ bed, close } = await openBed({ proxies: { a: { kind: 'ambit' }, b: { kind: 'ambit' } } }));
    bed.apply('shop', SHOP);
  });
  afterEach(() => close());

  it('gets connections as long as its Service has nobody else, and none when there is a successor', async () => {
    const plan = {
      ...{ namespace: 'shop', command: RELUCTANT, labels: { app: 'web' } },
      readinessProbe: { tcpSocket: { port: 8080 } },
    };
    const client = await bed.node('a').pod({ name: 'client', namespace: 'shop' });
    const old = await bed.node('b').pod({ ...plan, name: 'old' });
    const answer = async (): Promise<string> =>
      (await client.run(ask(bed.serviceAddress('web.shop'), 8080), { timeout: 5_000 })).stdout;
    await eventually('the Service answers', async () => (await answer()) === 'old saw it\n', 10_000);
    const gone = bed.delete(old);
    // Longer than it takes until every proxy knows that the pod is on its way out.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await answer()).toBe('old saw it\n');
    await bed.node('b').pod({ ...plan, name: 'new' });
    await eventually('the successor takes over', async () => (await answer()) === 'new saw it\n', 2_000);
    expect(old.process()?.running).toBe(true);
    for (let count = 0; count < 5; count += 1) expect(await answer()).toBe('new saw it\n');
    await gone;
  });
});
