import { formatSocketAddress, type SocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import type { Fields, OpenTunnel, TunnelHandler } from '@ambit/hbone/tunnel';
import {
  type OutboundRoute,
  type PassthroughRoute,
  type PlainRoute,
  routeOutbound,
  type TunnelRoute,
  type UnresolvedRoute,
} from '@ambit/mesh/route/outbound';
import { ECONNRESET, SystemCallError } from '@ambit/native/errno';
import { setResetOnClose } from '@ambit/native/socket-option';
import { connectTcp, type TcpConnectHandler } from '@ambit/reactor/tcp-connect';
import { traceIdOf } from '@ambit/telemetry/trace-context';
import {
  CERTIFICATE_WAIT,
  CONNECT_ATTEMPTS,
  CONNECT_ATTEMPTS_SOUND,
  CONNECT_BUDGET,
  CONNECT_TIMEOUT,
  ENDPOINT_NEWS_LOOK,
  ENDPOINT_NEWS_WAIT,
  NAME_WAIT,
} from '../limits.ts';
import type { LiveConnection } from '../messages.ts';
import { FailedEndpoints } from './failed-endpoints.ts';
import { refusedByPeer } from './refusals.ts';
import type { RelationKey } from './relation.ts';
import type { ServedPod } from './served-pod.ts';
import { Transfer } from './transfer.ts';

/**
 * A connection that the application of a pod opened and that was redirected to us. Until something answers at the
 * other end no byte of it is read, so that every failure before that may be tried again elsewhere.
 */
export class OutboundConnection extends Transfer implements TunnelHandler, TcpConnectHandler {
  readonly #fd: number;
  readonly #destination: SocketAddress;
  readonly #traceparent: string;
  #failed: FailedEndpoints | undefined;
  /** Endpoints at which something ended that says nothing about them: others first, if there are any. */
  #avoided: Set<string> | undefined;
  #attempts = 0;
  /** Until when it waits for other endpoints to become known; NaN before all that are known have failed. */
  #newsUntil = Number.NaN;
  /** Until when it waits for a name to be resolved; NaN before it has to. */
  #nameUntil = Number.NaN;
  #route: PassthroughRoute | PlainRoute | TunnelRoute | undefined;
  #lastError: AmbitError | undefined;
  #peerPrincipal: string | undefined;
  #unanswered = -1;
  protected override readonly source: SocketAddress;

  /** Takes ownership of `fd`, an accepted connection that the loop has adopted. */
  constructor(served: ServedPod, fd: number, source: SocketAddress, destination: SocketAddress) {
    super(served);
    this.#fd = fd;
    this.source = source;
    this.#destination = destination;
    this.#traceparent = served.thread.traces.next();
  }

  protected override get reached(): SocketAddress {
    return this.#route?.target ?? this.#destination;
  }

  protected override get authority(): string | undefined {
    return this.#route?.kind === 'tunnel' ? this.#route.authority : undefined;
  }

  protected override get traceId(): string | undefined {
    return traceIdOf(this.#traceparent);
  }

  start(): void {
    this.served.transfers.add(this);
    this.#unanswered = this.served.thread.unanswered.note({
      fd: this.#fd,
      pod: this.served.pod.number,
      acceptedAt: 'outbound',
    });
    this.#try();
  }

  onAccepted(tunnel: OpenTunnel): void {
    this.pending = undefined;
    const route = this.#route;
    if (this.over || route?.kind !== 'tunnel') {
      tunnel.abandon();
      return;
    }
    this.served.thread.choice.quarantine.succeeded(route.upstream.uid);
    this.#peerPrincipal = tunnel.peer.principal;
    this.opened();
    this.#answer();
    const relay = tunnel.relay(this.#fd, (outcome) => {
      this.ended(outcome.bytesFromApplication, outcome.bytesToApplication, outcome);
    });
    this.relayedBy(relay);
  }

  onRefused(status: number, fields: Fields): void {
    this.pending = undefined;
    const error = refusedByPeer(status, fields);
    // 503: the peer's application did not take the connection, and no byte of ours has left.
    if (status === 503) this.#tryElsewhere(error);
    else this.fail(error);
  }

  onFailed(error: AmbitError): void {
    this.pending = undefined;
    this.#tryElsewhere(error);
  }

  onConnected(fd: number): void {
    this.pending = undefined;
    const route = this.#route;
    if (this.over || route === undefined) {
      this.served.thread.reactor.close(fd);
      return;
    }
    if (route.kind === 'plain') this.served.thread.choice.quarantine.succeeded(route.upstream.uid);
    this.opened();
    this.#answer();
    const relay = this.served.thread.relayPlain(this.#fd, fd, (outcome) => {
      this.ended(outcome.bytesFromApplication, outcome.bytesToApplication, outcome);
    });
    this.relayedBy(relay);
  }

  onConnectFailed(error: AmbitError): void {
    this.pending = undefined;
    this.#tryElsewhere(error);
  }

  override describe(): LiveConnection {
    return {
      direction: 'outbound',
      src: formatSocketAddress(this.source),
      originalDst: formatSocketAddress(this.#destination),
      actualDst: this.#route === undefined ? '' : formatSocketAddress(this.#route.target),
      protocol: this.#route?.kind === 'tunnel' ? 'HBONE' : 'TCP',
    };
  }

  protected override relate(): RelationKey {
    const route = this.#route;
    return {
      reporter: 'source',
      workload: route === undefined || route.kind === 'passthrough' ? undefined : route.upstream,
      principal: this.#peerPrincipal,
      service: route?.service,
    };
  }

  /** The application sees a reset, never a silent end. */
  protected override refuse(): void {
    this.#answer();
    setResetOnClose(this.#fd);
    this.served.thread.reactor.close(this.#fd);
  }

  protected override leave(): void {
    // Nobody else knows of it.
  }

  /** From here on bytes may move, or the connection ends: no other thread could start it again. */
  #answer(): void {
    this.served.thread.unanswered.clear(this.#unanswered);
    this.#unanswered = -1;
  }

  #try(): void {
    this.#attempts += 1;
    const route = this.#nextRoute();
    const error = this.#lastError;
    const spent = route.kind === 'refuse' || (this.#attempts > CONNECT_ATTEMPTS && this.#isDoubted(route));
    // After a failed attempt that failure says more than "nothing is left".
    if (spent && error !== undefined) this.#giveUp(error);
    else this.#follow(route);
  }

  #nextRoute(): OutboundRoute {
    const { store, choice } = this.served.thread;
    const choose = (without: ReadonlySet<string> | undefined): OutboundRoute =>
      routeOutbound(store, this.served.client(), this.#destination, choice, without);
    const failed = this.#failed?.uids;
    if (this.#avoided === undefined) return choose(failed);
    const route = choose(failed === undefined ? this.#avoided : failed.union(this.#avoided));
    return route.kind === 'refuse' ? choose(failed) : route;
  }

  /** Everybody else fails there as well: further attempts would only multiply the load of what is down. */
  #isDoubted(route: OutboundRoute): boolean {
    const { choice, reactor } = this.served.thread;
    return 'upstream' in route && choice.quarantine.doubted(route.upstream.uid, reactor.now);
  }

  #follow(route: OutboundRoute): void {
    switch (route.kind) {
      case 'tunnel':
        this.#route = route;
        this.#openTunnel(route);
        return;
      case 'plain':
      case 'passthrough':
        this.#route = route;
        this.#connect(route.target);
        return;
      case 'refuse':
        this.fail(new AmbitError(`AMBIT_ROUTE_${route.reason.toUpperCase().replaceAll('-', '_')}`, route.message));
        return;
      case 'double-tunnel':
        this.fail(
          new AmbitError(
            'AMBIT_ROUTE_REMOTE_NETWORK',
            `${route.destination.uid} is in network ${route.destination.network}; tunnels through network gateways are not supported`,
          ),
        );
        return;
      case 'unresolved':
        this.#awaitName(route);
        return;
    }
  }

  #openTunnel(route: TunnelRoute): void {
    const { thread, principal } = this.served;
    if (thread.credentials.get(principal) === undefined) {
      this.#awaitCertificate(route);
      return;
    }
    const target = this.served.tunnelTarget(route, this.source.ip);
    this.pending = this.served.pool.open(target, route.authority, this.#fields(route), this);
  }

  #awaitCertificate(route: TunnelRoute): void {
    const { thread, principal } = this.served;
    const withdraw = thread.credentials.whenInstalled(principal, () => {
      timer.cancel();
      this.pending = undefined;
      this.#openTunnel(route);
    });
    const timer = thread.reactor.after(CERTIFICATE_WAIT, () => {
      withdraw();
      this.pending = undefined;
      this.fail(
        new AmbitError(
          'AMBIT_IDENTITY_MISSING',
          `no certificate for ${principal} within ${CERTIFICATE_WAIT} ms; is the certificate authority reachable?`,
        ),
      );
    });
    this.pending = {
      cancel: () => {
        timer.cancel();
        withdraw();
      },
    };
  }

  /** No endpoint but one whose name nobody has answered for yet: that may be a matter of milliseconds. */
  #awaitName({ upstream, hostname }: UnresolvedRoute): void {
    const { reactor, store } = this.served.thread;
    if (Number.isNaN(this.#nameUntil)) this.#nameUntil = reactor.now + NAME_WAIT;
    const failure = upstream.resolution?.failure ?? (reactor.now >= this.#nameUntil ? 'no answer in time' : undefined);
    if (failure !== undefined) {
      const message = `${upstream.uid} is known by the name ${hostname} only, which is not resolved: ${failure}`;
      this.fail(new AmbitError('AMBIT_ROUTE_HOSTNAME', message));
      return;
    }
    const { generation } = store;
    const look = (): void => {
      if (store.generation === generation && reactor.now < this.#nameUntil) {
        this.pending = reactor.after(ENDPOINT_NEWS_LOOK, look);
        return;
      }
      this.pending = undefined;
      this.#follow(this.#nextRoute());
    };
    this.pending = reactor.after(ENDPOINT_NEWS_LOOK, look);
  }

  #fields(route: TunnelRoute): string[] {
    const host = route.service === undefined ? '' : `;host=${route.service.hostname}`;
    return [
      'baggage',
      this.served.baggage(),
      'forwarded',
      `for="${formatSocketAddress(this.source)}"${host}`,
      'traceparent',
      this.#traceparent,
    ];
  }

  #connect(destination: SocketAddress): void {
    const { thread } = this.served;
    this.pending = connectTcp(
      thread.reactor,
      {
        destination,
        namespace: this.served.namespace,
        account: this.served.account,
        mark: thread.config.packetMark,
        // Behind a Service the application's own port is free, and no tunnel of this pod that is open there has it.
        localPort: destination.ip === this.#destination.ip ? 0 : this.source.port,
        keepalive: thread.keepalive,
        timeoutMs: CONNECT_TIMEOUT,
      },
      this,
    );
  }

  /** Nothing of the application was sent: another endpoint, or the same one over another tunnel, may take the connection. */
  #tryElsewhere(error: AmbitError): void {
    if (this.over) return;
    this.#lastError = error;
    const route = this.#route;
    const { reactor, choice } = this.served.thread;
    if (route === undefined || route.kind === 'passthrough' || error.code === 'AMBIT_DESCRIPTORS') {
      this.fail(error);
      return;
    }
    const cut = wasCut(error);
    const blamed = !cut && blamesEndpoint(error);
    // What says nothing about an endpoint may well be met at every other.
    const most = cut || blamed ? CONNECT_ATTEMPTS_SOUND : CONNECT_ATTEMPTS;
    const spent = this.#attempts >= most || reactor.now - this.startedAt >= CONNECT_BUDGET;
    if (cut || blamed) choice.quarantine.failed(route.upstream.uid, reactor.now);
    const others = route.service !== undefined || (route.kind === 'tunnel' && route.waypoint);
    if (spent || (blamed && !others)) {
      this.#giveUp(error);
      return;
    }
    this.served.thread.metrics.retried(error);
    if (blamed) (this.#failed ??= new FailedEndpoints()).add(route.upstream);
    else (this.#avoided ??= new Set()).add(route.upstream.uid);
    this.#try();
  }

  /** All that is known has failed: the last hope is that something else becomes known very soon. */
  #giveUp(error: AmbitError): void {
    const { reactor, store } = this.served.thread;
    if (this.#route?.kind === 'passthrough' || this.#route?.service === undefined) {
      this.fail(error);
      return;
    }
    if (Number.isNaN(this.#newsUntil)) this.#newsUntil = reactor.now + ENDPOINT_NEWS_WAIT;
    let { generation } = store;
    const look = (): void => {
      this.pending = undefined;
      if (reactor.now >= this.#newsUntil) {
        this.fail(error);
        return;
      }
      if (store.generation !== generation) {
        generation = store.generation;
        this.#failed?.forgetChanged(store);
        // News of others is no reason to ask again those that have just failed.
        if (this.#nextRoute().kind !== 'refuse') {
          this.#attempts = 0;
          this.#avoided = undefined;
          this.#try();
          return;
        }
      }
      this.pending = reactor.after(ENDPOINT_NEWS_LOOK, look);
    };
    this.pending = reactor.after(ENDPOINT_NEWS_LOOK, look);
  }
}

const BLAMED: readonly string[] = [
  'AMBIT_SYSCALL',
  'AMBIT_CONNECT',
  'AMBIT_TLS_',
  'AMBIT_PEER_UNAVAILABLE',
  'AMBIT_HBONE_NO_ANSWER',
  'AMBIT_HBONE_PING_TIMEOUT',
  'AMBIT_HBONE_NO_IDENTITY',
  'AMBIT_HBONE_WRONG_IDENTITY',
  'AMBIT_HBONE_TRUST_DOMAIN',
];

/** Whether an attempt failed because of the endpoint. A tunnel that was about to end, or a full one, says nothing about it. */
function blamesEndpoint(error: AmbitError): boolean {
  return BLAMED.some((prefix) => error.code.startsWith(prefix));
}

/**
 * Whether the other proxy ended the connection before it had served it, as one does that is being replaced: at the same
 * address its successor may listen already.
 */
function wasCut(error: AmbitError): boolean {
  if (error instanceof SystemCallError) return error.errno === ECONNRESET;
  return error.code === 'AMBIT_TLS_RESET' || error.code === 'AMBIT_TLS_TRUNCATED';
}
