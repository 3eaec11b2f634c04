import type { IncomingTunnel } from '@ambit/hbone/tunnel';
import { Application } from '@ambit/hbone/test-bed';
import { change, choiceOf, endpointOf, removal, service, storeOf, workload } from '@ambit/mesh/test-model';
import type { Workload } from '@ambit/mesh/workload';
import { connect, localAddress, openTcpSocket } from '@ambit/native/socket';
import { AF_INET } from '@ambit/native/socket-address';
import { setResetOnClose } from '@ambit/native/socket-option';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CONNECT_ATTEMPTS, NAME_WAIT } from '../limits.ts';
import { HBONE_PORT } from '../ports.ts';
import { TestNode } from './test-node.ts';

const VIP = { ip: '127.0.1.1', port: 80 };
const cart = service('cart', [VIP.ip]);
const CLIENT = { uid: 'u1', name: 'web', namespace: 'shop', serviceAccount: 'web' };
const IDENTITY = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'cart' };
/** Longer than a connect that nobody answers. */
const TIMEOUT = 15_000;

/** The pod `cart-<number>` at 127.0.0.<number>. */
function pod(number: number, fields: Partial<Workload> = {}): Workload {
  return workload(`cart-${number}`, { addresses: [`127.0.0.${number}`], services: endpointOf(cart), ...fields });
}

describe('a connection to a Service of which pods are in trouble', () => {
  let node: TestNode;
  /** Tunnels that the good pod took. */
  let taken: IncomingTunnel[];

  /** A mesh whose first pods are bad; the draw always begins with the first. */
  const mesh = (...pods: Workload[]): void => {
    const store = storeOf({ services: [cart], workloads: [workload('web', { addresses: ['127.0.1.9'] }), ...pods] });
    node = new TestNode(store, CLIENT, VIP, (now) => choiceOf([0], now));
  };
  const good = (number: number): void => {
    node.peer(`127.0.0.${number}`, IDENTITY, (tunnel) => {
      taken.push(tunnel);
      const [application, ours] = node.loop.tcpPair();
      tunnel.accept(ours, [], () => undefined);
      new Application(node.loop.reactor, application).send('served');
    });
  };
  const dial = (): Application => {
    const fd = openTcpSocket(AF_INET);
    connect(fd, VIP);
    node.loop.reactor.adopt(fd);
    return new Application(node.loop.reactor, fd);
  };
  const expectServed = (application: Application): void => {
    node.loop.until(() => application.received === 'served' || application.ended !== undefined, TIMEOUT);
    expect(application.received).toBe('served');
    expect(taken).toHaveLength(1);
  };

  beforeEach(() => {
    taken = [];
  });
  afterEach(() => {
    expect(node.loop.errors).toEqual([]);
    node.dispose();
  });

  it('whose proxy refuses TCP', () => {
    mesh(pod(2), pod(3));
    good(3);
    expectServed(dial());
  });

  it('whose proxy does not answer at all', () => {
    mesh(pod(2), pod(3));
    good(3);
    // The queue of a listener that nobody serves: when it is full, SYNs are dropped.
    const listener = node.queue({ ip: '127.0.0.2', port: HBONE_PORT });
    expectServed(dial());
    node.loop.reactor.close(listener);
  });

  it.each([
    ['resets', true],
    ['closes', false],
  ])('whose proxy %s a connection before TLS', (_how, reset) => {
    mesh(pod(2), pod(3));
    good(3);
    node.listen({ ip: '127.0.0.2', port: HBONE_PORT }, (fd) => {
      if (reset) setResetOnClose(fd);
      node.loop.reactor.close(fd);
    });
    expectServed(dial());
  });

  it('whose application refuses it: 503', () => {
    mesh(pod(2), pod(3));
    good(3);
    node.peer('127.0.0.2', IDENTITY, (tunnel) => {
      tunnel.refuse(503, []);
    });
    expectServed(dial());
  });

  it('whose proxy is somebody else by now', () => {
    mesh(pod(2), pod(3));
    good(3);
    node.peer('127.0.0.2', { ...IDENTITY, serviceAccount: 'thief' }, () => {
      throw new Error('a tunnel to a thief');
    });
    expectServed(dial());
  });

  it('whose proxy goes away before it answers: GOAWAY, or the connection is lost', () => {
    mesh(pod(2), pod(3), pod(4));
    good(4);
    node.peer('127.0.0.2', IDENTITY, (_, peer) => {
      peer.drain();
      peer.destroy();
    });
    node.peer('127.0.0.3', IDENTITY, (_, peer) => {
      peer.destroy();
    });
    expectServed(dial());
  });

  it('over a pooled tunnel whose other end has ended since', () => {
    mesh(pod(2), pod(3));
    let peers = 0;
    const first = node.peer('127.0.0.2', IDENTITY, (tunnel) => {
      peers += 1;
      tunnel.refuse(401, []);
    });
    const refused = dial();
    node.loop.until(() => refused.ended === 'reset');
    expect(peers).toBe(1);
    // Its GOAWAY is still on the way when the next connection comes.
    first.drain();
    first.destroy();
    good(3);
    expectServed(dial());
  });

  it('that is gone from the mesh before it answers', () => {
    mesh(pod(2), pod(3));
    good(3);
    let asked = 0;
    node.peer('127.0.0.2', IDENTITY, () => {
      asked += 1;
    });
    const application = dial();
    node.loop.until(() => asked === 1);
    change(node.store, {}, [removal('remove-address', pod(2).uid)]);
    node.pod.pool.retireWorkload(pod(2).uid);
    expectServed(application);
  });

  it(`of more than ${CONNECT_ATTEMPTS} at once, as long as others are left`, () => {
    mesh(pod(2), pod(3), pod(4), pod(5), pod(6), pod(7));
    good(7);
    expectServed(dial());
  });

  it('of all at once waits a moment for those that replace them', () => {
    mesh(pod(2), pod(3));
    const application = dial();
    node.loop.pass(100);
    expect(application.ended).toBeUndefined();
    good(4);
    change(node.store, { workloads: [pod(4)] });
    expectServed(application);
  });

  it('of all at once waits for those that replace them also while there is other news', () => {
    mesh(pod(2), pod(3));
    const application = dial();
    for (const news of [workload('other', { addresses: ['127.0.0.9'] }), pod(2, { healthy: false })]) {
      node.loop.pass(100);
      change(node.store, { workloads: [news] });
    }
    node.loop.pass(100);
    expect(application.ended).toBeUndefined();
    good(4);
    change(node.store, { workloads: [pod(4)] });
    expectServed(application);
  });

  it('of the only one waits until it is back', () => {
    mesh(pod(2));
    const application = dial();
    node.loop.pass(100);
    change(node.store, { workloads: [pod(2, { healthy: false })] });
    node.loop.pass(100);
    good(2);
    change(node.store, { workloads: [pod(2)] });
    expectServed(application);
  });

  it('of all, with nothing new, is reset and not held for long', () => {
    mesh(pod(2), pod(3));
    const application = dial();
    node.loop.until(() => application.ended === 'reset', 2_000);
  });

  it('in plain, whose application refuses it', () => {
    mesh(pod(2, { protocol: 'tcp' }), pod(3, { protocol: 'tcp' }));
    let from = 0;
    node.listen({ ip: '127.0.0.3', port: 8080 }, (fd, peer) => {
      from = peer.port;
      taken.push(undefined as never);
      new Application(node.loop.reactor, fd).send('served');
    });
    const application = dial();
    expectServed(application);
    // No tunnel of the same client has it there: the pod may have been in the mesh a moment ago.
    expect(from).toBe(localAddress(application.fd).port);
  });
});

describe('a connection to a host that is known by its name alone', () => {
  let node: TestNode;
  /** The endpoint, as the control side describes it. */
  const named = (addresses: readonly string[], failure?: string): Workload =>
    workload('ext', {
      ...{ hostname: 'ext.example.com', addresses, hostNetwork: true, protocol: 'tcp', services: endpointOf(cart) },
      resolution: { failure },
    });
  const dial = (endpoint: Workload): Application => {
    const store = storeOf({ services: [cart], workloads: [workload('web', { addresses: ['127.0.1.9'] }), endpoint] });
    node = new TestNode(store, CLIENT, VIP, (now) => choiceOf([0], now));
    const fd = openTcpSocket(AF_INET);
    connect(fd, VIP);
    node.loop.reactor.adopt(fd);
    return new Application(node.loop.reactor, fd);
  };
  const serve = (ip: string): void => {
    node.listen({ ip, port: 8080 }, (fd) => {
      new Application(node.loop.reactor, fd).send(ip);
    });
  };

  afterEach(() => {
    expect(node.loop.errors).toEqual([]);
    node.dispose();
  });

  it('waits for the first answer about it', () => {
    const application = dial(named([]));
    node.loop.pass(100);
    expect(application.ended).toBeUndefined();
    serve('127.0.0.2');
    change(node.store, { workloads: [named(['127.0.0.2'])] });
    node.loop.until(() => application.received === '127.0.0.2');
  });

  it('is tried at another address when one refuses it', () => {
    const application = dial(named(['127.0.0.2', '127.0.0.3']));
    serve('127.0.0.3');
    node.loop.until(() => application.received === '127.0.0.3');
  });

  it.each([
    ['at once when nobody has such a name', named([], 'ENOTFOUND'), 500],
    ['in the end when nobody answers', named([]), NAME_WAIT + 1_000],
  ])(
    'is reset %s',
    (_, endpoint, within) => {
      const application = dial(endpoint);
      node.loop.until(() => application.ended === 'reset', within);
    },
    10_000,
  );
});
