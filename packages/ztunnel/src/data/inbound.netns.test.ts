import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { formatSocketAddress } from '@ambit/core/address';
import { formatForwarded } from '@ambit/hbone/forwarded';
import type { HbonePool } from '@ambit/hbone/pool';
import { Application, Attempt } from '@ambit/hbone/test-bed';
import type { TunnelTarget } from '@ambit/hbone/tunnel';
import { choiceOf, storeOf, workload } from '@ambit/mesh/test-model';
import { close } from '@ambit/native/descriptor';
import { createNetworkNamespace, inNamespace } from '@ambit/native/namespace';
import { openTcpListener } from '@ambit/native/listening-socket';
import { connect, localAddress, openTcpSocket } from '@ambit/native/socket';
import { AF_INET } from '@ambit/native/socket-address';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestNode } from './test-node.ts';

const POD = '10.1.0.1';
const CLIENT = '10.1.0.2';
const APPLICATION = { ip: POD, port: 8_080 };
const INFO = { uid: 'u1', name: 'web', namespace: 'shop', serviceAccount: 'web' };
const CLIENT_ID = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'client' };
/** Half of the client's ports. The kernel begins with every second one, here those that it would not choose in the pod. */
const HALF = 4;

// As inside an enrolled pod: what the proxy opens under a foreign address is answered to the proxy.
const PROXY_MARKS = `
  table ip mangle {
    chain prerouting { type filter hook prerouting priority -150; meta mark 0x539 ct mark set 0x111; }
    chain output { type route hook output priority -150; ct mark 0x111 meta mark set 0x111; }
  }`;
const REDIRECT = `
  table ip nat {
    chain output { type nat hook output priority -100; ip daddr ${POD} tcp dport ${APPLICATION.port} redirect to :15001; }
  }`;

describe('a client of a pod, through the mesh and past it', () => {
  let node: TestNode;
  let pod: number;
  let client: number;
  let pool: HbonePool;
  let target: TunnelTarget;
  /** Ports from which the application is reached. */
  let seen: number[];

  const run = (namespace: number, ...[tool = '', ...rest]: string[]): unknown =>
    inNamespace(namespace, () => execFileSync(tool, rest));
  const nft = (namespace: number, input: string): unknown =>
    inNamespace(namespace, () => execFileSync('nft', ['-f', '-'], { input }));
  const portRange = (namespace: number, first: number, last: number): void => {
    inNamespace(namespace, () => {
      writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', `${first} ${last}`);
    });
  };
  /** A connection of the client's application to the pod's. */
  const dial = (): Application => {
    const fd = inNamespace(client, () => openTcpSocket(AF_INET));
    connect(fd, APPLICATION);
    node.loop.reactor.adopt(fd);
    return new Application(node.loop.reactor, fd);
  };
  /** A tunnel whose sender says `forwarded`. */
  const tunnel = (forwarded: string): Attempt => {
    const attempt = new Attempt();
    pool.open(target, formatSocketAddress(APPLICATION), ['forwarded', forwarded], attempt);
    node.loop.until(() => attempt.settled);
    return attempt;
  };

  beforeEach(() => {
    pod = createNetworkNamespace();
    client = createNetworkNamespace();
    const at = (fd: number): string => `/proc/${process.pid}/fd/${fd}`;
    execFileSync('ip', ['link', 'add', 'eth0', 'netns', at(pod), 'type', 'veth', 'peer', 'eth0', 'netns', at(client)]);
    for (const [namespace, ip] of [
      [pod, POD],
      [client, CLIENT],
    ] as const) {
      run(namespace, 'ip', 'link', 'set', 'lo', 'up');
      run(namespace, 'ip', 'addr', 'add', `${ip}/24`, 'dev', 'eth0');
      run(namespace, 'ip', 'link', 'set', 'eth0', 'up');
    }
    for (const mark of ['0x111', '0x539']) run(pod, 'ip', 'rule', 'add', 'fwmark', mark, 'lookup', '100');
    run(pod, 'ip', 'route', 'add', 'local', '0.0.0.0/0', 'dev', 'lo', 'table', '100');
    nft(pod, PROXY_MARKS);
    const store = storeOf({ workloads: [workload('web', { addresses: [POD] })] });
    node = new TestNode(store, INFO, { ip: POD, port: 0 }, (now) => choiceOf([0], now), pod);
    seen = [];
    node.listen(APPLICATION, (fd, peer) => {
      expect(peer.ip).toBe(CLIENT);
      seen.push(peer.port);
      new Application(node.loop.reactor, fd).send('served');
    });
    // Not before the listeners have ports that no connection would choose.
    portRange(client, 40_002, 40_009);
    portRange(pod, 40_001, 40_010);
    const known = node.client(CLIENT_ID);
    pool = known.pool;
    target = { ...known.target, namespace: client, sourceIp: CLIENT };
  });
  afterEach(() => {
    expect(node.loop.errors).toEqual([]);
    pool.destroy();
    node.dispose();
    close(pod);
    close(client);
  });

  it('is served directly while its tunnels are open, when the pod has left the mesh', () => {
    const proxy = openTcpListener({ address: { ip: '0.0.0.0', port: 15_001 }, namespace: client });
    nft(client, REDIRECT);
    const through = Array.from({ length: HALF }, () => {
      const application = dial();
      const attempt = tunnel(formatForwarded(localAddress(application.fd)));
      expect(attempt.tunnel).toBeDefined();
      return localAddress(application.fd).port;
    });
    expect(seen).toEqual(through);
    nft(client, 'delete table ip nat');
    for (let count = 0; count < HALF; count += 1) {
      const application = dial();
      node.loop.until(() => application.received === 'served', 900);
    }
    expect(new Set(seen).size).toBe(2 * HALF);
    close(proxy);
  });

  it('is served at once from one port by two Services, and from any when its proxy names another place', () => {
    const forwarded = formatForwarded({ ip: CLIENT, port: 40_003 });
    const [first, second] = [tunnel(forwarded), tunnel(forwarded)];
    expect([first.tunnel, second.tunnel]).not.toContain(undefined);
    expect(seen[0]).toBe(40_003);
    expect(seen[1]).not.toBe(40_003);
    for (const elsewhere of [formatForwarded({ ip: '10.1.0.3', port: 40_005 }), 'for="_hidden"']) {
      expect(tunnel(elsewhere).tunnel).toBeDefined();
    }
    expect(seen).toHaveLength(4);
  });
});
