import { formatSocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import type { IncomingTunnel, RelayOutcome } from '@ambit/hbone/tunnel';
import type { Decision } from '@ambit/mesh/policy/decision';
import type { ConnectionFacts } from '@ambit/mesh/policy/subject';
import { type InboundAccept, routeInbound, statusOf } from '@ambit/mesh/route/inbound';
import { parseTraceparent } from '@ambit/telemetry/trace-context';
import { connectTcp, type PendingConnect, type TcpConnectHandler } from '@ambit/reactor/tcp-connect';
import { CONNECT_TIMEOUT } from '../limits.ts';
import type { PodInfo } from '../messages.ts';
import { ConnectionRecord, type RecordFacts } from './connection-record.ts';
import type { JudgedConnection } from './judge.ts';
import { applicationUnreachable, forbidden, reasonFields, unroutable } from './refusals.ts';
import type { LiveTransfer, ServedPod } from './served-pod.ts';

/** A CONNECT that a peer sent to a pod: where it goes, whether it may, the application's answer, then bytes. */
export class InboundConnection implements TcpConnectHandler, JudgedConnection, LiveTransfer {
  readonly pod: PodInfo;
  readonly facts: ConnectionFacts;
  readonly #served: ServedPod;
  readonly #tunnel: IncomingTunnel;
  readonly #route: InboundAccept;
  readonly #startedAt: number;
  #decision: Decision | undefined;
  #withdraw: (() => void) | undefined;
  #pending: PendingConnect | undefined;
  #record: ConnectionRecord | undefined;
  #cut: ((error: AmbitError) => void) | undefined;
  #over = false;

  private constructor(served: ServedPod, tunnel: IncomingTunnel, route: InboundAccept) {
    this.pod = served.pod.info;
    this.#served = served;
    this.#tunnel = tunnel;
    this.#route = route;
    this.#startedAt = served.thread.reactor.now;
    this.facts = {
      identity: tunnel.peer.identity,
      sourceIp: tunnel.peer.address.ip,
      destinationIp: route.judged.ip,
      destinationPort: route.judged.port,
    };
  }

  /** Answers `tunnel`, which reached `served` at its address `localIp`. */
  static serve(served: ServedPod, tunnel: IncomingTunnel, localIp: string): void {
    if (served.workload() !== undefined) {
      InboundConnection.#admit(served, tunnel, localIp);
      return;
    }
    // A new pod may be reached before the controller has told of it.
    const withdraw = served.thread.judge.whenDescribed(served.info, () => {
      tunnel.onAbandoned = undefined;
      InboundConnection.#admit(served, tunnel, localIp);
    });
    tunnel.onAbandoned = withdraw;
  }

  static #admit(served: ServedPod, tunnel: IncomingTunnel, localIp: string): void {
    const route = routeInbound(served.thread.store, served.workload(), { localIp, authority: tunnel.authority });
    if (route.kind === 'refuse') {
      InboundConnection.#turnAway(served, tunnel, statusOf(route.reason), unroutable(route));
    } else if (route.proxyDestination !== undefined) {
      const message = `${tunnel.authority} asks for a PROXY header, which is not supported`;
      InboundConnection.#turnAway(served, tunnel, 503, new AmbitError('AMBIT_ROUTE_PROXY_HEADER', message));
    } else {
      new InboundConnection(served, tunnel, route).#start();
    }
  }

  static #turnAway(served: ServedPod, tunnel: IncomingTunnel, status: number, error: AmbitError): void {
    tunnel.refuse(status, reasonFields(error));
    served.recordRefusedTunnel(tunnel, error);
  }

  onConnected(fd: number): void {
    this.#pending = undefined;
    this.#record = new ConnectionRecord(this.#served, this.#facts()).open();
    const relay = this.#tunnel.accept(fd, ['baggage', this.#served.baggage()], (outcome) => {
      this.#end(outcome);
    });
    this.#cut = (error) => {
      relay.cut(error);
    };
  }

  onConnectFailed(error: AmbitError): void {
    this.#pending = undefined;
    this.#refuse(503, applicationUnreachable(this.#route.target, error));
  }

  onForbidden(decision: Decision): void {
    this.#decision = decision;
    this.#served.thread.metrics.decided(decision);
    this.cut(forbidden(decision, 'the connection was open'));
  }

  cut(error: AmbitError): void {
    if (this.#over) return;
    if (this.#cut !== undefined) this.#cut(error);
    else this.#refuse(error.code === 'AMBIT_POLICY_DENIED' ? 401 : 503, error);
  }

  describe(): { originalDst: string; actualDst: string; src: string; protocol: 'HBONE'; direction: 'inbound' } {
    return {
      direction: 'inbound',
      src: formatSocketAddress(this.#tunnel.peer.address),
      originalDst: this.#tunnel.authority,
      actualDst: formatSocketAddress(this.#route.target),
      protocol: 'HBONE',
    };
  }

  #start(): void {
    this.#served.transfers.add(this);
    this.#tunnel.onAbandoned = () => {
      this.#abandon();
    };
    this.#withdraw = this.#served.thread.judge.ask(this, (decision) => {
      this.#withdraw = undefined;
      this.#decision = decision;
      this.#served.thread.metrics.decided(decision);
      if (decision.allowed) this.#connect();
      else this.#refuse(401, forbidden(decision));
    });
  }

  #connect(): void {
    const { thread } = this.#served;
    const { target } = this.#route;
    const ip = this.#tunnel.peer.address.ip;
    this.#served.thread.judge.watch(this);
    this.#pending = connectTcp(
      thread.reactor,
      {
        destination: target,
        namespace: this.#served.namespace,
        mark: thread.config.packetMark,
        keepalive: thread.keepalive,
        timeoutMs: CONNECT_TIMEOUT,
        // The application sees its client's address. Its own address needs no help, and a loopback target none either.
        ...(ip === target.ip || target.ip !== this.#route.judged.ip ? {} : { source: { ip, required: false } }),
      },
      this,
    );
  }

  #facts(): RecordFacts {
    const { peer, authority, fields } = this.#tunnel;
    return {
      reporter: 'destination',
      source: peer.address,
      destination: this.#route.judged,
      nextHop: undefined,
      authority,
      peerPrincipal: peer.principal,
      peerWorkload: this.#served.thread.store.findWorkload(this.#served.thread.store.network, peer.address.ip),
      service: this.#route.service,
      traceId: parseTraceparent(fieldOf(fields, 'traceparent') ?? '')?.traceId,
      decision: this.#decision,
      startedAt: this.#startedAt,
    };
  }

  #refuse(status: number, error: AmbitError): void {
    if (this.#over) return;
    this.#close();
    this.#tunnel.refuse(status, reasonFields(error));
    new ConnectionRecord(this.#served, this.#facts()).fail(error);
  }

  #abandon(): void {
    if (!this.#over) this.#close();
  }

  #end(outcome: RelayOutcome): void {
    this.#close();
    // The application's side is the destination: what it wrote was received by the source.
    this.#record?.close(outcome.bytesToApplication, outcome.bytesFromApplication, outcome.error, this.#decision);
  }

  #close(): void {
    this.#over = true;
    this.#withdraw?.();
    this.#pending?.cancel();
    this.#served.thread.judge.release(this);
    this.#served.transfers.delete(this);
  }
}

function fieldOf(fields: readonly string[], name: string): string | undefined {
  for (let index = 0; index + 1 < fields.length; index += 2) if (fields[index] === name) return fields[index + 1];
  return undefined;
}
