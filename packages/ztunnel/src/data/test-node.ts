import type { SocketAddress } from '@ambit/core/address';
import { systemClock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { formatSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import { HbonePool } from '@ambit/hbone/pool';
import { HboneServer } from '@ambit/hbone/server';
import type { IncomingTunnel, TunnelTarget } from '@ambit/hbone/tunnel';
import type { Choice } from '@ambit/mesh/endpoint/endpoint-set';
import type { MeshStore } from '@ambit/mesh/mesh-store';
import { openTcpListener } from '@ambit/native/listening-socket';
import { homeNamespace } from '@ambit/native/namespace';
import { connect, localAddress, openTcpSocket } from '@ambit/native/socket';
import { AF_INET } from '@ambit/native/socket-address';
import { testCertificate, type TestIdentity } from '@ambit/native/test-certificates';
import { createTlsContext } from '@ambit/native/tls-context';
import { AccessLog } from '@ambit/proxy/access-log';
import { Credentials } from '@ambit/proxy/credentials';
import { KEEPALIVE } from '@ambit/proxy/keepalive';
import { DescriptorBudget } from '@ambit/reactor/descriptor-budget';
import { DescriptorCounts } from '@ambit/reactor/descriptor-counts';
import { Listener } from '@ambit/reactor/listener';
import { TcpRelay } from '@ambit/reactor/relay';
import { TestLoop } from '@ambit/reactor/test-loop';
import { TraceContexts } from '@ambit/telemetry/trace-context';
import { readConfig } from '../config.ts';
import type { PodInfo } from '../messages.ts';
import { HBONE_PORT } from '../ports.ts';
import { UnansweredConnections } from '../unanswered.ts';
import { Judge } from './judge.ts';
import { ServedPod } from './served-pod.ts';
import { ThreadMetrics } from './thread-metrics.ts';

const root = testCertificate({ authority: true });

function leaf(identity: SpiffeId): TestIdentity {
  return testCertificate({ issuer: root, uris: [formatSpiffeId(identity)] });
}

/** For tests: a data thread on this one, with a pod whose listeners are where the test wants them. Needs CAP_SYS_ADMIN. */
export class TestNode {
  readonly loop: TestLoop = new TestLoop();
  readonly pod: ServedPod;
  readonly store: MeshStore;
  readonly choice: Choice;
  readonly budget: DescriptorBudget = new DescriptorBudget(DescriptorBudget.allocate(1));
  /** Where the pod takes tunnels. */
  readonly hbone: SocketAddress;

  readonly #namespace: number;

  /**
   * `outbound` stands for a destination whose connections are redirected; `choice` chooses among endpoints. The pod's
   * `namespace` is by default that of the test.
   */
  constructor(
    store: MeshStore,
    info: PodInfo,
    outbound: SocketAddress,
    choice: (now: () => number) => Choice,
    namespace: number = homeNamespace(),
  ) {
    const { reactor } = this.loop;
    this.#namespace = namespace;
    this.store = store;
    this.choice = choice(() => reactor.now);
    const config = readConfig({ IPV6_ENABLED: 'false' });
    const metrics = new ThreadMetrics(() => reactor.now);
    const credentials = new Credentials(reactor.ledger);
    const identity = { trustDomain: 'cluster.local', namespace: info.namespace, serviceAccount: info.serviceAccount };
    const { certificatePem, privateKeyPem } = leaf(identity);
    credentials.install({
      ...{ identity, generation: 1, certificateChainPem: certificatePem, privateKeyPem },
      ...{ rootsPem: root.certificatePem, notBefore: 0, notAfter: 0, serialNumber: '01' },
    });
    const listen = (address: SocketAddress): number => this.#listener(address);
    const hbone = listen({ ip: outbound.ip, port: 0 });
    this.hbone = localAddress(hbone);
    this.pod = new ServedPod(
      {
        ...{ config, reactor, store, choice: this.choice, credentials, judge: new Judge(reactor, store), metrics },
        accessLog: new AccessLog(reactor, new SharedArrayBuffer(4)),
        unanswered: new UnansweredConnections(UnansweredConnections.allocate()),
        traces: new TraceContexts((bytes) => bytes),
        clockNow: () => systemClock.now(),
        wallTime: () => systemClock.wallTime(),
        place: { network: '', cluster: 'Kubernetes', node: 'a' },
        trustDomains: new Set(['cluster.local']),
        keepalive: KEEPALIVE,
        accountOf: (pod) => this.budget.account(0, new DescriptorCounts(pod.descriptors)),
        dnsUpstream: undefined,
        tunnelObserver: metrics.tunnelObserver,
        relayPlain: (a, b, onEnd) => {
          const relay = new TcpRelay(reactor, a, b, (bytesFromApplication, bytesToApplication, error) => {
            onEnd({ bytesFromApplication, bytesToApplication, error });
          });
          return { cut: (error) => relay.destroy(error) };
        },
      },
      {
        ...{ number: 1, info, namespace, descriptors: DescriptorCounts.allocate(1) },
        listeners: {
          outbound: listen(outbound),
          plaintext: listen({ ip: outbound.ip, port: 0 }),
          hbone,
          dnsUdp: [],
          dnsTcp: [],
        },
      },
    );
  }

  /** An HBONE server at an address, with the identity of whoever lives there; `onTunnel` answers. */
  peer(ip: string, identity: SpiffeId, onTunnel: (tunnel: IncomingTunnel, peer: HboneServer) => void): HboneServer {
    const { reactor } = this.loop;
    const { certificatePem, privateKeyPem } = leaf(identity);
    const material = { certificateChainPem: certificatePem, privateKeyPem, rootsPem: root.certificatePem };
    const context = createTlsContext({ side: 'server', ...material });
    const server: HboneServer = new HboneServer(reactor, {
      context: () => context,
      trustDomains: new Set(['cluster.local']),
      onTunnel: (tunnel) => {
        onTunnel(tunnel, server);
      },
    });
    this.listen({ ip, port: HBONE_PORT }, (fd, address) => {
      server.accept(fd, address);
    });
    return server;
  }

  /** A client of another pod, and its way to this one. */
  client(identity: SpiffeId): { pool: HbonePool; target: TunnelTarget } {
    const { certificatePem, privateKeyPem } = leaf(identity);
    const material = { certificateChainPem: certificatePem, privateKeyPem, rootsPem: root.certificatePem };
    const context = createTlsContext({ side: 'client', ...material });
    const target: TunnelTarget = {
      ...{ address: this.hbone, sourceIp: '127.0.0.1', sourcePrincipal: formatSpiffeId(identity) },
      credential: () => ({ context, generation: 1 }),
      ...{ expected: [this.pod.identity], workloadUid: this.pod.info.uid },
    };
    return { pool: new HbonePool(this.loop.reactor), target };
  }

  /** Accepts at an address; the descriptors are the callback's. Returns the listening one. */
  listen(address: SocketAddress, onAccept: (fd: number, peer: SocketAddress) => void): number {
    const fd = this.#listener(address);
    new Listener(this.loop.reactor, fd, { onAccept });
    return fd;
  }

  /** A listener that nobody serves and whose queue is full: whoever connects hears nothing. */
  queue(address: SocketAddress): number {
    const fd = openTcpListener({ address, backlog: 1 });
    this.loop.reactor.adopt(fd);
    for (let filled = 0; filled < 4; filled += 1) {
      const client = openTcpSocket(AF_INET);
      connect(client, address);
      this.loop.reactor.adopt(client);
    }
    return fd;
  }

  dispose(): void {
    this.pod.destroy(new AmbitError('AMBIT_TEST', 'the test is over'));
    this.loop.pass(5);
    this.loop.reactor.dispose();
  }

  #listener(address: SocketAddress): number {
    const fd = openTcpListener({ address, namespace: this.#namespace });
    this.loop.reactor.adopt(fd);
    return fd;
  }
}
