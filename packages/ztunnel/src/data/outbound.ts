import { formatSocketAddress, type SocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import type { Fields, OpenTunnel, PendingTunnel, RelayOutcome, TunnelHandler } from '@ambit/hbone/tunnel';
import {
  type OutboundRoute,
  type PassthroughRoute,
  type PlainRoute,
  routeOutbound,
  type TunnelRoute,
} from '@ambit/mesh/route/outbound';
import { ECONNRESET, SystemCallError } from '@ambit/native/errno';
import { setResetOnClose } from '@ambit/native/socket-option';
import { formatTraceparent, type TraceContext } from '@ambit/telemetry/trace-context';
import { connectTcp, type PendingConnect, type TcpConnectHandler } from '@ambit/reactor/tcp-connect';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import { CERTIFICATE_WAIT, CONNECT_ATTEMPTS, CONNECT_BUDGET, CONNECT_TIMEOUT } from '../limits.ts';
import { ConnectionRecord, type RecordFacts } from './connection-record.ts';
import { refusedByPeer } from './refusals.ts';
import type { LiveTransfer, ServedPod } from './served-pod.ts';

/**
 * A connection that the application of a pod opened and that was redirected to us. Until something answers at the
 * other end no byte of it is read, so that every failure before that may be tried again elsewhere.
 */
export class OutboundConnection implements TunnelHandler, TcpConnectHandler, LiveTransfer {
  readonly #pod: ServedPod;
  readonly #fd: number;
  readonly #source: SocketAddress;
  readonly #destination: SocketAddress;
  readonly #startedAt: number;
  readonly #trace: TraceContext;
  #excluded: Set<string> | undefined;
  #attempts = 0;
  #route: PassthroughRoute | PlainRoute | TunnelRoute | undefined;
  #lastError: AmbitError | undefined;
  #pending: PendingConnect | PendingTunnel | undefined;
  #withdraw: (() => void) | undefined;
  #certificateTimer: ReactorTimer | undefined;
  #record: ConnectionRecord | undefined;
  #cut: ((error: AmbitError) => void) | undefined;
  #unanswered = -1;
  #over = false;

  /** Takes ownership of `fd`, an accepted connection that the loop has adopted. */
  constructor(pod: ServedPod, fd: number, source: SocketAddress, destination: SocketAddress) {
    this.#pod = pod;
    this.#fd = fd;
    this.#source = source;
    this.#destination = destination;
    this.#startedAt = pod.thread.reactor.now;
    this.#trace = pod.thread.traces.next();
  }

  start(): void {
    this.#pod.transfers.add(this);
    this.#unanswered = this.#pod.thread.unanswered.note({
      fd: this.#fd,
      pod: this.#pod.pod.number,
      acceptedAt: 'outbound',
    });
    this.#try();
  }

  onAccepted(tunnel: OpenTunnel): void {
    this.#pending = undefined;
    const route = this.#route;
    if (this.#over || route?.kind !== 'tunnel') {
      tunnel.abandon();
      return;
    }
    this.#pod.thread.choice.quarantine.succeeded(route.upstream.uid);
    this.#open(route, tunnel.peer.principal);
    this.#answer();
    const relay = tunnel.relay(this.#fd, (outcome) => {
      this.#end(outcome);
    });
    this.#cut = (error) => {
      relay.cut(error);
    };
  }

  onRefused(status: number, fields: Fields): void {
    this.#pending = undefined;
    const error = refusedByPeer(status, fields);
    // 503: the peer's application did not take the connection, and no byte of ours has left.
    if (status === 503) this.#tryElsewhere(error);
    else this.#fail(error);
  }

  onFailed(error: AmbitError): void {
    this.#pending = undefined;
    this.#tryElsewhere(error);
  }

  onConnected(fd: number): void {
    this.#pending = undefined;
    const route = this.#route;
    if (this.#over || route === undefined) {
      this.#pod.thread.reactor.close(fd);
      return;
    }
    if (route.kind === 'plain') this.#pod.thread.choice.quarantine.succeeded(route.upstream.uid);
    this.#open(route, undefined);
    this.#answer();
    this.#cut = this.#pod.thread.relayPlain(this.#fd, fd, (outcome) => {
      this.#end(outcome);
    });
  }

  onConnectFailed(error: AmbitError): void {
    this.#pending = undefined;
    this.#tryElsewhere(error);
  }

  /** Ends the connection now. Idempotent. */
  cut(error: AmbitError): void {
    if (this.#over) return;
    if (this.#cut !== undefined) this.#cut(error);
    else this.#fail(error);
  }

  describe(): {
    originalDst: string;
    actualDst: string;
    src: string;
    protocol: 'HBONE' | 'TCP';
    direction: 'outbound';
  } {
    return {
      direction: 'outbound',
      src: formatSocketAddress(this.#source),
      originalDst: formatSocketAddress(this.#destination),
      actualDst: this.#route === undefined ? '' : formatSocketAddress(this.#route.target),
      protocol: this.#route?.kind === 'tunnel' ? 'HBONE' : 'TCP',
    };
  }

  /** From here on bytes may move, or the connection ends: no other thread could start it again. */
  #answer(): void {
    this.#pod.thread.unanswered.clear(this.#unanswered);
    this.#unanswered = -1;
  }

  #try(): void {
    this.#attempts += 1;
    const { store, choice } = this.#pod.thread;
    const route = routeOutbound(store, this.#pod.client(), this.#destination, choice, this.#excluded);
    this.#follow(route);
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
        // After a failed attempt that failure says more than "nothing is left".
        this.#fail(
          this.#lastError ??
            new AmbitError(`AMBIT_ROUTE_${route.reason.toUpperCase().replaceAll('-', '_')}`, route.message),
        );
        return;
      case 'double-tunnel':
        this.#fail(
          new AmbitError(
            'AMBIT_ROUTE_REMOTE_NETWORK',
            `${route.destination.uid} is in network ${route.destination.network}; tunnels through network gateways are not supported`,
          ),
        );
        return;
      case 'unresolved':
        this.#fail(
          new AmbitError(
            'AMBIT_ROUTE_HOSTNAME',
            `${route.upstream.uid} is known by hostname ${route.hostname} only; endpoints without address are not supported`,
          ),
        );
        return;
    }
  }

  #openTunnel(route: TunnelRoute): void {
    const { thread, principal } = this.#pod;
    if (thread.credentials.get(principal) === undefined) {
      this.#awaitCertificate(route);
      return;
    }
    const target = {
      address: route.target,
      namespace: this.#pod.namespace,
      sourceIp: this.#source.ip,
      sourcePrincipal: principal,
      credential: () => thread.credentials.client(principal),
      expected: route.identities,
      workloadUid: route.upstream.uid,
    };
    this.#pending = this.#pod.pool.open(target, route.authority, this.#fields(route), this);
  }

  #awaitCertificate(route: TunnelRoute): void {
    const { thread, principal } = this.#pod;
    const withdraw = thread.credentials.whenInstalled(principal, () => {
      this.#certificateTimer?.cancel();
      this.#withdraw = undefined;
      this.#openTunnel(route);
    });
    this.#withdraw = withdraw;
    this.#certificateTimer = thread.reactor.after(CERTIFICATE_WAIT, () => {
      withdraw();
      this.#withdraw = undefined;
      this.#fail(
        new AmbitError(
          'AMBIT_IDENTITY_MISSING',
          `no certificate for ${principal} within ${CERTIFICATE_WAIT} ms; is the certificate authority reachable?`,
        ),
      );
    });
  }

  #fields(route: TunnelRoute): string[] {
    const host = route.service === undefined ? '' : `;host=${route.service.hostname}`;
    return [
      'baggage',
      this.#pod.baggage(),
      'forwarded',
      `for="${formatSocketAddress(this.#source)}"${host}`,
      'traceparent',
      formatTraceparent(this.#trace),
    ];
  }

  #connect(destination: SocketAddress): void {
    const { thread } = this.#pod;
    this.#pending = connectTcp(
      thread.reactor,
      {
        destination,
        namespace: this.#pod.namespace,
        mark: thread.config.packetMark,
        keepalive: thread.keepalive,
        timeoutMs: CONNECT_TIMEOUT,
      },
      this,
    );
  }

  /** Nothing of the application was sent: another endpoint, or the same one over another tunnel, may take the connection. */
  #tryElsewhere(error: AmbitError): void {
    if (this.#over) return;
    this.#lastError = error;
    const route = this.#route;
    const { reactor, choice } = this.#pod.thread;
    const spent = this.#attempts >= CONNECT_ATTEMPTS || reactor.now - this.#startedAt >= CONNECT_BUDGET;
    if (route === undefined || route.kind === 'passthrough') {
      this.#fail(error);
      return;
    }
    const cut = wasCut(error);
    const blamed = !cut && blamesEndpoint(error);
    if (cut || blamed) choice.quarantine.failed(route.upstream.uid, reactor.now);
    const others = route.service !== undefined || (route.kind === 'tunnel' && route.waypoint);
    if (spent || (blamed && !others)) {
      this.#fail(error);
      return;
    }
    this.#pod.thread.metrics.retried(error);
    if (blamed) {
      this.#excluded ??= new Set();
      this.#excluded.add(route.upstream.uid);
    }
    this.#try();
  }

  #open(route: PassthroughRoute | PlainRoute | TunnelRoute, peerPrincipal: string | undefined): void {
    this.#record = new ConnectionRecord(this.#pod, this.#facts(route, peerPrincipal)).open();
  }

  #facts(
    route: PassthroughRoute | PlainRoute | TunnelRoute | undefined,
    peerPrincipal: string | undefined,
  ): RecordFacts {
    return {
      reporter: 'source',
      source: this.#source,
      destination: this.#destination,
      nextHop: route?.target,
      authority: route?.kind === 'tunnel' ? route.authority : undefined,
      peerPrincipal,
      peerWorkload: route === undefined || route.kind === 'passthrough' ? undefined : route.upstream,
      service: route?.service,
      traceId: this.#trace.traceId,
      decision: undefined,
      startedAt: this.#startedAt,
    };
  }

  #end(outcome: RelayOutcome): void {
    this.#over = true;
    this.#pod.transfers.delete(this);
    this.#record?.close(outcome.bytesFromApplication, outcome.bytesToApplication, outcome.error, undefined);
  }

  /** Ends a connection that never reached anything: the application sees a reset, never a silent end. */
  #fail(error: AmbitError): void {
    if (this.#over) return;
    this.#over = true;
    this.#certificateTimer?.cancel();
    this.#withdraw?.();
    this.#pending?.cancel();
    this.#pod.transfers.delete(this);
    this.#answer();
    setResetOnClose(this.#fd);
    this.#pod.thread.reactor.close(this.#fd);
    new ConnectionRecord(this.#pod, this.#facts(this.#route, undefined)).fail(error);
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
