import { formatSocketAddress } from '@ambit/core/address';
import { LEAVING_CONNECTION_MS } from '@ambit/hbone/limits';
import { Application, Attempt } from '@ambit/hbone/test-bed';
import { change, choiceOf, endpointOf, port, service, storeOf, workload } from '@ambit/mesh/test-model';
import { localAddress } from '@ambit/native/socket';
import { TRAFFIC_LABELS } from '@ambit/telemetry/traffic-labels';
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

describe('a connection to a pod of a Service', () => {
  const cart = service('cart', ['10.96.0.1'], { ports: [port(80, 8080)] });
  const canary = service('cart-canary', ['10.96.0.2'], { ports: [port(80, 8080)] });
  let node: TestNode;

  beforeEach(() => {
    const services = new Map([...endpointOf(cart), ...endpointOf(canary)]);
    const store = storeOf({ services: [cart, canary], workloads: [workload('web', { addresses: [IP], services })] });
    node = new TestNode(store, INFO, { ip: IP, port: 0 }, (now) => choiceOf([0], now));
  });
  afterEach(() => {
    expect(node.loop.errors).toEqual([]);
    node.dispose();
  });

  it.each([
    ['the one that was dialled', `;host=${canary.hostname}`, canary.hostname],
    ['none, when the pod belongs to several and none was named', '', 'unknown'],
    ['none, when the peer names one to which the pod does not belong', ';host=orders.shop', 'unknown'],
  ])('is counted by the destination for %s', (_name, named, expected) => {
    const { pool, target } = node.client(CLIENT);
    const attempt = new Attempt();
    pool.open(target, `${IP}:8080`, ['forwarded', `for="127.0.0.1:40000"${named}`], attempt);
    node.loop.until(() => attempt.settled);
    const samples = node.pod.thread.metrics
      .snapshot()
      .find(({ name }) => name === 'istio_tcp_connections_opened_total');
    const at = TRAFFIC_LABELS.indexOf('destination_service');
    expect(samples?.samples.map(({ labels }) => [labels[0], labels[at]])).toEqual([['destination', expected]]);
    pool.destroy();
  });
});
