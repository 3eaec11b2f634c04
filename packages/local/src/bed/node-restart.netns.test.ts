import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeName } from './address-plan.ts';
import type { Bed } from './bed.ts';
import type { BedPod } from './pod.ts';
import { ask, eventually, openBed, WHO_SERVER } from './test-bed.ts';

const SHOP = `{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}}`;
const DENY = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed, namespace: shop}
spec: {action: DENY, rules: [{}]}
`;

describe('a node whose proxy pod ends while the controller is away', () => {
  let bed: Bed;
  let close: () => Promise<void>;
  let memory: string;
  let client: BedPod;
  let server: BedPod;

  const answer = async (): Promise<string> => (await client.run(ask(server.ip, 8080))).stdout;
  const reached = async (): Promise<boolean> => (await answer()).startsWith('server saw');
  const logOf = (node: NodeName): string => readFileSync(join(bed.logs, `${bed.node(node).proxy.name}.log`), 'utf8');
  /** As if kubelet had taken the pod down and started it again: nothing of it is left, its keeper included. */
  const endPod = async (node: NodeName): Promise<void> => {
    const { process } = bed.node(node).proxy;
    process?.kill();
    await process?.exited;
  };
  const withSnapshots = async (directory: (node: NodeName) => string): Promise<void> => {
    for (const node of ['a', 'b'] as const) {
      const old = bed.node(node).proxy;
      await bed.startProxy(node, { kind: 'ambit' }, { AMBIT_SNAPSHOT_DIR: directory(node) });
      await bed.stopProxy(node, old, 10_000);
    }
  };

  beforeEach(async () => {
    memory = mkdtempSync('/dev/shm/node-restart-');
    ({ bed, close } = await openBed({ proxies: { a: { kind: 'ambit' }, b: { kind: 'ambit' } } }));
    bed.apply('shop', SHOP);
    [client, server] = await Promise.all([
      bed.node('a').pod({ name: 'client', namespace: 'shop' }),
      bed.node('b').pod({
        ...{ name: 'server', namespace: 'shop', command: WHO_SERVER },
        readinessProbe: { tcpSocket: { port: 8080 } },
      }),
    ]);
  });
  afterEach(async () => {
    await close();
    rmSync(memory, { recursive: true });
  });

  it('serves by its last snapshot, new connections too, and follows the controller when it returns', async () => {
    await withSnapshots((node) => mkdtempSync(join(memory, node)));
    await eventually('the client reaches the server', reached, 10_000);
    await eventually('the certificates are kept', () => keptOf(memory, 'certificates') === 2);
    await bed.controller.kill();
    for (const node of ['a', 'b'] as const) await endPod(node);
    await eventually('new connections pass again', reached, 15_000);
    for (const node of ['a', 'b'] as const) {
      expect(logOf(node)).toContain('the node is served by the last snapshot of the mesh');
      expect(JSON.parse(await readiness(bed, node))).toEqual({ ready: true, missing: [] });
    }
    await bed.controller.start();
    bed.apply('closed', DENY);
    await eventually('a policy of the controller is in force', async () => !(await reached()), 30_000);
  });

  it('prefers the controller, when it answers, to what it remembers', async () => {
    await withSnapshots((node) => mkdtempSync(join(memory, node)));
    await eventually('the client reaches the server', reached, 10_000);
    await eventually('the certificates are kept', () => keptOf(memory, 'certificates') === 2);
    await endPod('b');
    await eventually('new connections pass again', reached, 15_000);
    expect(logOf('b')).not.toContain('served by the last snapshot');
  });

  it('keeps no key of a pod that has left, and none at all when nothing is left to serve', async () => {
    await withSnapshots((node) => mkdtempSync(join(memory, node)));
    await eventually('the client reaches the server', reached, 10_000);
    await eventually('the certificates are kept', () => keptOf(memory, 'certificates') === 2);
    const other = await bed.node('b').pod({ name: 'other', namespace: 'shop', serviceAccount: 'other' });
    await eventually('both identities are kept', () => keysOf(memory, 'b') === 2);
    await bed.delete(other, 100);
    await eventually('that of the pod is gone', () => keysOf(memory, 'b') === 1, 3_000);
    await bed.delete(server, 100);
    await eventually('the last one is gone', () => keysOf(memory, 'b') === 0, 3_000);
    await bed.stopProxy('b', bed.node('b').proxy, 10_000);
    expect(keysOf(memory, 'b')).toBe(0);
    // A proxy that ends before its pods leaves them to its successor.
    await bed.stopProxy('a', bed.node('a').proxy, 10_000);
    expect(keysOf(memory, 'a')).toBe(1);
  });

  it('without a directory in memory no key is written, and readiness, log and metrics say so', async () => {
    await withSnapshots(() => '/proc');
    expect(JSON.parse(await readiness(bed, 'a'))).toEqual({
      ready: true,
      missing: [],
      notes: [expect.stringContaining('no snapshot is kept: AMBIT_SNAPSHOT_DIR=/proc: it is not on tmpfs')],
    });
    expect(logOf('a')).toContain('AMBIT_SNAPSHOT_DIRECTORY');
    expect(await bed.node('a').proxy.metrics()).toMatch(/^ambit_snapshot_kept 0$/m);
  });
});

function readiness(bed: Bed, node: NodeName): Promise<string> {
  return bed.node(node).proxy.admin('/healthz/ready');
}

/** The private keys that stand in a node's directory below `memory`. */
function keysOf(memory: string, node: NodeName): number {
  const directories = readdirSync(memory).filter((directory) => directory.startsWith(node));
  const files = directories.flatMap((directory) =>
    readdirSync(join(memory, directory)).map((name) => join(memory, directory, name)),
  );
  return files.reduce((count, file) => count + readFileSync(file, 'latin1').split('BEGIN PRIVATE KEY').length - 1, 0);
}

/** In how many of the directories below `memory` a state stands that is not empty. */
function keptOf(memory: string, state: string): number {
  return readdirSync(memory).filter((directory) =>
    readdirSync(join(memory, directory)).some(
      (name) => name.startsWith(`${state}.`) && statSync(join(memory, directory, name)).size > 1_000,
    ),
  ).length;
}
