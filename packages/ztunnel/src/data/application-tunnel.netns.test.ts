import { formatSpiffeId } from '@ambit/core/spiffe';
import { formatForwarded } from '@ambit/hbone/forwarded';
import type { HbonePool } from '@ambit/hbone/pool';
import { Application, Attempt } from '@ambit/hbone/test-bed';
import { choiceOf, service, storeOf, workload } from '@ambit/mesh/test-model';
import type { ApplicationTunnel } from '@ambit/mesh/workload';
import { afterEach, describe, expect, it } from 'vitest';
import { TestNode } from './test-node.ts';

const POD = '127.0.0.5';
const LOOPBACK = '127.0.0.1';
const VIP = '10.96.0.1';
const INFO = { uid: 'u1', name: 'gateway', namespace: 'shop', serviceAccount: 'gateway' };
const CLIENT_ID = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'web' };

let node: TestNode | undefined;
let pool: HbonePool | undefined;
afterEach(() => {
  expect(node?.loop.errors).toEqual([]);
  pool?.destroy();
  node?.dispose();
});

/** What a tunnel to `authority` leads to in a pod that takes tunnelled traffic like this, with an application at `ip:port`. */
function reach(
  applicationTunnel: ApplicationTunnel,
  at: { readonly ip: string; readonly port: number },
  authority: string,
  fields: readonly string[] = [],
): { attempt: Attempt; taken: Application[]; run: TestNode } {
  const cart = service('cart', [VIP]);
  const pod = workload('gateway', { addresses: [POD], applicationTunnel });
  const run = new TestNode(storeOf({ services: [cart], workloads: [pod] }), INFO, { ip: POD, port: 0 }, (now) =>
    choiceOf([0], now),
  );
  node = run;
  const taken: Application[] = [];
  run.listen(at, (fd) => {
    const application = new Application(run.loop.reactor, fd);
    application.send('hello');
    taken.push(application);
  });
  const client = run.client(CLIENT_ID);
  pool = client.pool;
  const attempt = new Attempt();
  client.pool.open(client.target, authority, fields, attempt);
  run.loop.until(() => attempt.settled);
  return { attempt, taken, run };
}

function hex(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex');
}

describe('an application that takes tunnelled traffic', () => {
  const principal = formatSpiffeId(CLIENT_ID);
  const tlv = `d000${principal.length.toString(16)}${hex(principal)}`;
  const length = (12 + 3 + principal.length).toString(16).padStart(4, '0');

  it.each([
    ['an address', `${VIP}:80`, '0a600001' + '0050'],
    ['an address that nobody has', '10.96.7.7:443', '0a600707' + '01bb'],
    ['a hostname', 'cart.shop.svc.cluster.local:80', '0a600001' + '0050'],
  ])('is told by a PROXY header who asks for %s, and gets the bytes behind it', (_, authority, destination) => {
    const forwarded = ['forwarded', formatForwarded({ ip: LOOPBACK, port: 40_961 })];
    const { attempt, taken, run } = reach(
      { protocol: 'proxy', port: 25_088 },
      { ip: LOOPBACK, port: 25_088 },
      authority,
      forwarded,
    );
    expect(attempt.tunnel).toBeDefined();
    run.loop.until(() => taken[0] !== undefined && taken[0].received.length > 0);
    const addresses = `7f000001${destination.slice(0, 8)}a001${destination.slice(8)}`;
    expect(hex(taken[0]?.received ?? '')).toBe(`0d0a0d0a000d0a515549540a2111${length}${addresses}${tlv}`);
  });

  it('gets the bytes alone when it asks for no header, at the port that was asked for', () => {
    const { attempt, taken, run } = reach(
      { protocol: 'none', port: 0 },
      { ip: LOOPBACK, port: 25_080 },
      `${VIP}:25080`,
    );
    expect(attempt.tunnel).toBeDefined();
    run.loop.until(() => taken.length === 1);
    run.loop.pass(20);
    expect(taken[0]?.received).toBe('');
  });

  it('that does not listen is said not to', () => {
    const { attempt } = reach({ protocol: 'proxy', port: 25_089 }, { ip: LOOPBACK, port: 25_090 }, `${VIP}:80`);
    expect(attempt.refused).toBe(503);
  });
});
