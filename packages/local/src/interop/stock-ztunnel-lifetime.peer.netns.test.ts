import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeName } from '../bed/address-plan.ts';
import { eventually } from '../bed/test-bed.ts';
import { killAndWait, proxyOf } from '../check/proxy-process.ts';
import { systemClock } from '@ambit/core/clock';
import { DIRECTIONS, Mesh, spiffe } from './test-mesh.ts';
import { STOCK_ZTUNNEL } from './test-peer.ts';
import { Steady } from './test-steady.ts';

/** Milliseconds between two new connections in each direction. */
const EVERY = 20;
/** Connections that stay open meanwhile, in each direction. */
const HELD = 20;
const NEVER_DISTURBED = { failures: [], cut: 0 };
const TTL_SECONDS = 20;
/** Long enough for three certificates in a row, each replaced at half its life, the first long expired. */
const RENEWAL_MS = 32_000;
/** A process that was killed keeps its connections for so many milliseconds at most. */
const DYING_MS = 50;
/** Within so many milliseconds what happened shows in the metrics. */
const COUNTED_MS = 1_500;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('ours on node a, the stock ztunnel on node b, over time', () => {
  const stock = { kind: 'binary', path: STOCK_ZTUNNEL } as const;
  let mesh: Mesh;

  beforeAll(async () => {
    mesh = await Mesh.open(stock.path, { SECRET_TTL: `${TTL_SECONDS}s` });
  });
  afterAll(async () => {
    await mesh.close();
  });

  it('certificates are renewed on both sides again and again, under new and open connections', async () => {
    // A stock ztunnel that puts one connection on a tunnel proves its newest certificate at each.
    const first = mesh.bed.node('b').proxy;
    await mesh.bed.startProxy('b', stock, { POOL_MAX_STREAMS_PER_CONNECTION: '1' });
    await mesh.bed.stopProxy('b', first, 10_000);

    const handshakes = (reporter: string): Promise<number> =>
      mesh.count('a', 'ambit_tls_handshakes_total', { reporter, result: 'ok' });
    const before = { source: await handshakes('source'), destination: await handshakes('destination') };
    const serials = { a: new Set<string>(), b: new Set<string>() };
    const steady = DIRECTIONS.map((direction) => new Steady(mesh, direction, EVERY, HELD));
    const end = performance.now() + RENEWAL_MS;
    while (performance.now() < end) {
      for (const node of ['a', 'b'] as const) {
        const serial = (await mesh.certificates(node)).get(spiffe('shop', `server-${node}`));
        if (serial !== undefined) serials[node].add(serial);
      }
      await pause(500);
    }
    for (const report of await Promise.all(steady.map((traffic) => traffic.stop()))) {
      expect(report).toMatchObject(NEVER_DISTURBED);
      expect(report.connections).toBeGreaterThan(RENEWAL_MS / EVERY / 3);
    }
    // Ours opens a new tunnel with each certificate.
    expect((await handshakes('source')) - before.source).toBeGreaterThanOrEqual(2);
    expect((await handshakes('destination')) - before.destination).toBeGreaterThan(RENEWAL_MS / EVERY / 3);
    for (const node of ['a', 'b'] as const) {
      expect(serials[node].size, `certificates of the server on ${node}`).toBeGreaterThanOrEqual(3);
      // A proxy that asks again and again, because it takes what it got for old, would have many.
      expect(serials[node].size, `certificates of the server on ${node}`).toBeLessThanOrEqual(6);
    }
  });

  it('ours notices that its tunnels are dead after the stock one was killed out of sight, and asks over fresh ones', async () => {
    const server = mesh.service('server-b');
    const retries = (): Promise<number> => mesh.count('a', 'ambit_connect_retries_total', {});
    const before = await retries();
    // Now and then a late packet of the dead proxy is faster than the connection, and there is nothing left to notice.
    for (let deaths = 0; deaths < 3 && (await retries()) === before; deaths++) {
      expect(await mesh.answers('friend', 'a', server)).toBe(true);
      mesh.bed.fabric.setLink(false);
      await killStock();
      expect(mesh.tunnels('a', 'b')).toBeGreaterThan(0);
      mesh.bed.fabric.setLink(true);
      expect(await mesh.answers('friend', 'a', server)).toBe(true);
      await pause(COUNTED_MS);
    }
    expect(await retries()).toBeGreaterThan(before);
  });

  it('the stock one goes on with ours after our proxy process was killed, no new connection lost', async () => {
    const steady = new Steady(mesh, { from: 'b', to: 'a' }, EVERY);
    await pause(500);
    const keeper = mesh.bed.node('a').proxy.process?.pid ?? 0;
    const killed = proxyOf(keeper);
    const dead = await killAndWait(killed, systemClock);
    await pause(2_000);
    expect(proxyOf(keeper)).not.toBe(killed);
    // What the dead process had in its hands is lost with it: the stock ztunnel does not ask again.
    const { failures } = await steady.stop();
    expect(
      failures.filter(({ beganAt }) => beganAt >= dead + DYING_MS),
      mesh.failures('b'),
    ).toEqual([]);
  });

  it.each(DIRECTIONS)('a proxy is replaced while the other keeps its pool: $way', async ({ from, to }) => {
    const steady = new Steady(mesh, { from, to }, EVERY);
    await pause(500);
    await replace(to);
    await pause(1_000);
    const { failures } = await steady.stop();
    expect(failures, mesh.failures(from)).toEqual([]);
  });

  /** Kills the stock ztunnel and resolves when it is ready again. */
  async function killStock(): Promise<void> {
    const { proxy } = mesh.bed.node('b');
    const pid = proxy.process?.pid ?? 0;
    await killAndWait(pid, systemClock);
    await eventually('it is started again', () => proxy.process?.running === true && proxy.process.pid !== pid);
    await proxy.start();
  }

  async function replace(node: NodeName): Promise<void> {
    const old = mesh.bed.node(node).proxy;
    await mesh.bed.startProxy(node, node === 'a' ? { kind: 'ambit' } : stock);
    await mesh.bed.stopProxy(node, old, 10_000);
  }
});
