import { formatSocketAddress } from '@ambit/core/address';
import { LEAVING_CONNECTION_MS } from '@ambit/hbone/limits';
import { Application, Attempt } from '@ambit/hbone/test-bed';
import { change, choiceOf, storeOf, workload } from '@ambit/mesh/test-model';
import { localAddress } from '@ambit/native/socket';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestNode } from './test-node.ts';

const IP = '127.0.1.1';
const INFO = { uid: 'u1', name: 'web', namespace: 'shop', serviceAccount: 'web' };
const CLIENT = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'client' };

describe('a pod that is ready no more', () => {
  let node: TestNode;

  const described = (healthy: boolean): void => {
    change(node.store, { workloads: [workload('web', { addresses: [IP], healthy })] });
    node.pod.noticeReadiness();
  };

  beforeEach(() => {
    const store = storeOf({ workloads: [workload('web', { addresses: [IP], healthy: false })] });
    node = new TestNode(store, INFO, { ip: IP, port: 0 }, (now) => choiceOf([0], now));
    node.pod.noticeReadiness();
  });
  afterEach(() => {
    expect(node.loop.errors).toEqual([]);
    node.dispose();
  });

  it('has its peers let go of idle tunnels, finishes what is open and takes what still comes', () => {
    const application = localAddress(
      node.listen({ ip: IP, port: 0 }, (fd) => {
        new Application(node.loop.reactor, fd).send('served');
      }),
    );
    const { pool, target } = node.client(CLIENT);
    const open = (): Application => {
      const attempt = new Attempt();
      pool.open(target, formatSocketAddress(application), [], attempt);
      node.loop.until(() => attempt.settled);
      const [theirs, ours] = node.loop.tcpPair();
      attempt.tunnel?.relay(ours, () => undefined);
      const client = new Application(node.loop.reactor, theirs);
      node.loop.until(() => client.received === 'served');
      return client;
    };
    // One that was never ready may be starting: its peers keep what they have.
    const first = open();
    node.loop.pass(LEAVING_CONNECTION_MS * 1.2);
    first.reset();
    node.loop.pass(20);
    expect(pool.connections).toBe(1);

    described(true);
    const held = open();
    expect(pool.connections).toBe(1);
    described(false);
    node.loop.pass(20);
    const late = open();
    expect(pool.connections).toBe(2);
    node.loop.pass(LEAVING_CONNECTION_MS * 1.2);
    for (const client of [held, late]) {
      expect(client.ended).toBeUndefined();
      client.reset();
    }
    node.loop.until(() => pool.connections === 0);

    described(true);
    open();
    node.loop.pass(LEAVING_CONNECTION_MS * 1.2);
    expect(pool.connections).toBe(1);
    pool.destroy();
  });
});
