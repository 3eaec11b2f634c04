import { formatSocketAddress, type SocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import { requireSpiffeId } from '@ambit/core/spiffe';
import { EPOLLIN, EPOLLOUT } from '@ambit/native/epoll';
import { EAGAIN } from '@ambit/native/errno';
import { openTcpListener } from '@ambit/native/listening-socket';
import { allocate } from '@ambit/native/memory';
import { localAddress, recv, send, SHUT_WR, shutdown } from '@ambit/native/socket';
import { setResetOnClose } from '@ambit/native/socket-option';
import { testCertificate, type TestCertificateOptions, type TestIdentity } from '@ambit/native/test-certificates';
import { createTlsContext, type TlsContext } from '@ambit/native/tls-context';
import { Listener } from '@ambit/reactor/listener';
import type { ReadinessHandler, Reactor } from '@ambit/reactor/reactor';
import { TestLoop } from '@ambit/reactor/test-loop';
import type { TunnelObserver, TunnelSide } from './observer.ts';
import { HbonePool } from './pool.ts';
import type { HbonePoolOptions } from './pool-options.ts';
import { HboneServer, type HboneServerOptions } from './server.ts';
import type {
  Fields,
  IncomingTunnel,
  OpenTunnel,
  PendingTunnel,
  Relay,
  RelayOutcome,
  TunnelHandler,
  TunnelTarget,
} from './tunnel.ts';

export const CLIENT_ID = 'spiffe://cluster.local/ns/shop/sa/web';
export const SERVER_ID = 'spiffe://cluster.local/ns/shop/sa/cart';

const root = testCertificate({ authority: true });

/** The authority that every certificate of a test comes from. */
export const rootPem: string = root.certificatePem;
const memory = allocate(1 << 18);

export function leaf(uri: string, options: TestCertificateOptions = {}): TestIdentity {
  return testCertificate({ issuer: root, uris: [uri], ...options });
}

export function context(side: 'client' | 'server', identity: TestIdentity): TlsContext {
  return createTlsContext({
    side,
    certificateChainPem: identity.certificatePem,
    privateKeyPem: identity.privateKeyPem,
    rootsPem: root.certificatePem,
  });
}

/** An application's end of a connection. */
export class Application implements ReadinessHandler {
  /** What it received, as far as it is kept; `count` counts everything. */
  received = '';
  count = 0;
  /** How the other end ended. */
  ended: 'fin' | 'reset' | undefined;
  keeps = true;
  readonly fd: number;
  readonly #reactor: Reactor;
  #toSend = 0;

  constructor(reactor: Reactor, fd: number) {
    this.fd = fd;
    this.#reactor = reactor;
    reactor.register(fd, EPOLLIN, this);
  }

  send(text: string): void {
    const length = memory.bytes.write(text, 'latin1');
    if (send(this.fd, memory.address, length) !== length) throw new Error('not sent at once');
  }

  /** Sends `total` bytes as fast as they are taken. */
  pour(total: number): void {
    this.#toSend = total;
    this.#reactor.modify(this.fd, EPOLLIN | EPOLLOUT);
  }

  get poured(): boolean {
    return this.#toSend === 0;
  }

  pause(): void {
    this.#reactor.modify(this.fd, 0);
  }

  resume(): void {
    this.#reactor.modify(this.fd, EPOLLIN);
  }

  /** FIN. */
  finish(): void {
    shutdown(this.fd, SHUT_WR);
  }

  close(): void {
    this.#reactor.close(this.fd);
  }

  /** RST. */
  reset(): void {
    setResetOnClose(this.fd);
    this.#reactor.close(this.fd);
  }

  onReady(events: number): void {
    if ((events & EPOLLOUT) !== 0 && this.#toSend > 0) {
      const sent = send(this.fd, memory.address, Math.min(this.#toSend, 1 << 18));
      if (sent > 0) this.#toSend -= sent;
      if (this.#toSend === 0) this.#reactor.modify(this.fd, EPOLLIN);
    }
    if (this.ended !== undefined || (events & ~EPOLLOUT) === 0) return;
    const length = recv(this.fd, memory.address, 1 << 18);
    if (length > 0) {
      this.count += length;
      if (this.keeps) this.received += memory.bytes.toString('latin1', 0, length);
    } else if (length !== -EAGAIN) {
      this.ended = length === 0 ? 'fin' : 'reset';
      this.#reactor.modify(this.fd, 0);
    }
  }

  destroy(): void {
    this.close();
  }
}

/** One tunnel of a test, seen from the client's side. */
export class Attempt implements TunnelHandler {
  tunnel: OpenTunnel | undefined;
  fields: Fields | undefined;
  refused: number | undefined;
  error: AmbitError | undefined;
  calls = 0;
  pending: PendingTunnel | undefined;

  get settled(): boolean {
    return this.calls > 0;
  }

  onAccepted(tunnel: OpenTunnel, fields: Fields): void {
    this.calls += 1;
    this.tunnel = tunnel;
    this.fields = fields;
  }

  onRefused(status: number, fields: Fields): void {
    this.calls += 1;
    this.refused = status;
    this.fields = fields;
  }

  onFailed(error: AmbitError): void {
    this.calls += 1;
    this.error = error;
  }
}

/** Both applications of a relayed tunnel, and how each side's relay ended. */
export interface Joined {
  readonly client: Application;
  readonly server: Application;
  readonly clientRelay: Relay;
  readonly serverRelay: Relay;
  clientOutcome: RelayOutcome | undefined;
  serverOutcome: RelayOutcome | undefined;
}

/** A server, a pool and the loop under both, over real TLS on loopback. */
export class TestBed implements TunnelObserver {
  readonly loop: TestLoop = new TestLoop();
  readonly reactor: Reactor = this.loop.reactor;
  readonly incoming: IncomingTunnel[] = [];
  readonly events: string[] = [];
  readonly pool: HbonePool;
  readonly address: SocketAddress;
  server: HboneServer;
  /** Answers a tunnel at once; by default it waits in `incoming`. */
  onTunnel: (tunnel: IncomingTunnel, localIp: string) => void = (tunnel) => {
    this.incoming.push(tunnel);
  };
  readonly #serverOptions: Partial<HboneServerOptions>;
  readonly #serverContext: TlsContext;
  readonly #clientContext: TlsContext;

  constructor(
    options: {
      server?: Partial<HboneServerOptions>;
      pool?: HbonePoolOptions;
      serverLeaf?: TestIdentity;
      clientLeaf?: TestIdentity;
    } = {},
  ) {
    this.#serverOptions = options.server ?? {};
    this.#serverContext = context('server', options.serverLeaf ?? leaf(SERVER_ID));
    this.#clientContext = context('client', options.clientLeaf ?? leaf(CLIENT_ID));
    this.server = this.newServer();
    const listener = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
    this.reactor.adopt(listener);
    this.address = localAddress(listener);
    new Listener(this.reactor, listener, {
      onAccept: (fd, peer) => {
        this.server.accept(fd, peer);
      },
    });
    this.pool = new HbonePool(this.reactor, { observer: this, ...options.pool });
  }

  /** A server as after a restart. */
  newServer(): HboneServer {
    return new HboneServer(this.reactor, {
      context: () => this.#serverContext,
      trustDomains: new Set(['cluster.local', 'alias.example']),
      observer: this,
      onTunnel: (tunnel, localIp) => {
        this.onTunnel(tunnel, localIp);
      },
      ...this.#serverOptions,
    });
  }

  target(changes: Partial<TunnelTarget> = {}): TunnelTarget {
    return {
      address: this.address,
      sourceIp: '127.0.0.1',
      sourcePrincipal: CLIENT_ID,
      credential: () => ({ context: this.#clientContext, generation: 1 }),
      expected: [requireSpiffeId(SERVER_ID)],
      workloadUid: 'cart-1',
      ...changes,
    };
  }

  open(changes: Partial<TunnelTarget> = {}, fields: Fields = []): Attempt {
    const attempt = new Attempt();
    attempt.pending = this.pool.open(this.target(changes), '10.0.0.1:8080', fields, attempt);
    return attempt;
  }

  /** Opens a tunnel and waits until the server sees it. */
  ask(): [Attempt, IncomingTunnel] {
    const seen = this.incoming.length;
    const attempt = this.open();
    this.loop.until(() => this.incoming.length > seen || attempt.settled);
    const incoming = this.incoming[seen];
    if (incoming === undefined) throw new Error(`no tunnel: ${attempt.error?.message ?? String(attempt.refused)}`);
    return [attempt, incoming];
  }

  /** A tunnel with an application at each end. */
  join(): Joined {
    const [attempt, incoming] = this.ask();
    const [serverApplication, serverSide] = this.loop.tcpPair();
    const [clientApplication, clientSide] = this.loop.tcpPair();
    const serverEnd: { outcome?: RelayOutcome } = {};
    const clientEnd: { outcome?: RelayOutcome } = {};
    const serverRelay = incoming.accept(serverSide, ['baggage', 'k8s.namespace.name=shop'], (outcome) => {
      serverEnd.outcome = outcome;
    });
    this.loop.until(() => attempt.settled);
    if (attempt.tunnel === undefined) throw new Error('no tunnel');
    const clientRelay = attempt.tunnel.relay(clientSide, (outcome) => {
      clientEnd.outcome = outcome;
    });
    return {
      client: new Application(this.reactor, clientApplication),
      server: new Application(this.reactor, serverApplication),
      clientRelay,
      serverRelay,
      get clientOutcome() {
        return clientEnd.outcome;
      },
      get serverOutcome() {
        return serverEnd.outcome;
      },
    };
  }

  dispose(): void {
    this.pool.destroy();
    this.server.destroy();
    this.loop.pass(5);
    this.reactor.dispose();
  }

  onConnection(side: TunnelSide): void {
    this.events.push(`${side} open`);
  }

  onConnectionFailed(side: TunnelSide, _peer: SocketAddress, error: AmbitError): void {
    this.events.push(`${side} failed ${error.code}`);
  }

  onConnectionClosed(side: TunnelSide, _peer: SocketAddress, error: AmbitError | undefined, streams: number): void {
    this.events.push(`${side} closed ${error?.code ?? 'in order'}${streams > 0 ? ` with ${streams} streams` : ''}`);
  }

  onRetry(peer: SocketAddress, error: AmbitError): void {
    this.events.push(`retry ${error.code}`);
    if (formatSocketAddress(peer) !== formatSocketAddress(this.address))
      throw new AmbitError('AMBIT_TEST', 'another peer');
  }
}
