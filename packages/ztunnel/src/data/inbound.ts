import { formatSocketAddress, type SocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import { proxyHeader } from '@ambit/core/proxy-protocol';
import { forwardedHost, forwardedPort } from '@ambit/hbone/forwarded';
import type { IncomingTunnel, TunnelPeer } from '@ambit/hbone/tunnel';
import type { Decision } from '@ambit/mesh/policy/decision';
import type { ConnectionFacts } from '@ambit/mesh/policy/subject';
import { askedService } from '@ambit/mesh/route/asked-service';
import { type InboundAccept, statusOf } from '@ambit/mesh/route/inbound';
import type { Service } from '@ambit/mesh/service';
import { traceIdOf } from '@ambit/telemetry/trace-context';
import { send, socketError } from '@ambit/native/socket';
import type { BufferPool } from '@ambit/reactor/buffer-pool';
import { connectTcp, type TcpConnectHandler } from '@ambit/reactor/tcp-connect';
import { CONNECT_TIMEOUT } from '../limits.ts';
import type { LiveConnection, PodInfo } from '../messages.ts';
import type { JudgedConnection } from './judge.ts';
import { applicationUnreachable, forbidden, reasonFields, unroutable } from './refusals.ts';
import type { RelationKey } from './relation.ts';
import type { ServedPod } from './served-pod.ts';
import { Transfer } from './transfer.ts';

/** A CONNECT that a peer sent to a pod: where it goes, whether it may, the application's answer, then bytes. */
export class InboundConnection extends Transfer implements TcpConnectHandler, JudgedConnection {
  judgedPlace = -1;
  readonly #peer: TunnelPeer;
  readonly #route: InboundAccept;
  /** That the client asked for, as far as it is known. */
  readonly #service: Service | undefined;
  readonly #traceparent: string | undefined;
  /** As its proxy tells; 0 when that says nothing of the client at the other end of the tunnel. */
  readonly #clientPort: number;
  protected override readonly authority: string;
  /** Until bytes move. */
  #tunnel: IncomingTunnel | undefined;

  private constructor(served: ServedPod, tunnel: IncomingTunnel, route: InboundAccept) {
    super(served);
    this.#peer = tunnel.peer;
    this.#tunnel = tunnel;
    this.#route = route;
    this.authority = tunnel.authority;
    this.#traceparent = fieldOf(tunnel.fields, 'traceparent');
    const forwarded = fieldOf(tunnel.fields, 'forwarded');
    this.#clientPort = forwardedPort(forwarded, tunnel.peer.address.ip);
    this.#service = route.service ?? serviceAsked(served, route, forwardedHost(forwarded));
  }

  get pod(): PodInfo {
    return this.served.info;
  }

  get facts(): ConnectionFacts {
    return {
      identity: this.#peer.identity,
      sourceIp: this.#peer.address.ip,
      destinationIp: this.#route.judged.ip,
      destinationPort: this.#route.judged.port,
    };
  }

  protected override get source(): SocketAddress {
    return this.#peer.address;
  }

  protected override get reached(): SocketAddress {
    return this.#route.judged;
  }

  protected override get traceId(): string | undefined {
    return this.#traceparent === undefined ? undefined : traceIdOf(this.#traceparent);
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
    const route = served.inboundRoute(localIp, tunnel.authority);
    if (route.kind === 'refuse') {
      InboundConnection.#turnAway(served, tunnel, statusOf(route.reason), unroutable(route));
    } else {
      new InboundConnection(served, tunnel, route).#start(tunnel);
    }
  }

  static #turnAway(served: ServedPod, tunnel: IncomingTunnel, status: number, error: AmbitError): void {
    tunnel.refuse(status, reasonFields(error));
    new RefusedTunnel(served, tunnel).turnedAway(error);
  }

  onConnected(fd: number): void {
    this.pending = undefined;
    const tunnel = this.#tunnel;
    if (tunnel === undefined) {
      this.served.thread.reactor.close(fd);
      return;
    }
    const header = this.#proxyHeader();
    const untold = header === undefined ? undefined : sendWhole(this.served.thread.reactor.buffers, fd, header);
    if (untold !== undefined) {
      this.served.thread.reactor.close(fd);
      this.fail(applicationUnreachable(this.#route.target, untold));
      return;
    }
    this.#tunnel = undefined;
    this.opened();
    const relay = tunnel.accept(fd, this.served.answerFields(), (outcome) => {
      // The application's side is the destination: what it wrote was received by the source.
      this.ended(outcome.bytesToApplication, outcome.bytesFromApplication, outcome);
    });
    this.relayedBy(relay);
  }

  onConnectFailed(error: AmbitError): void {
    this.pending = undefined;
    this.fail(applicationUnreachable(this.#route.target, error));
  }

  onForbidden(decision: Decision): void {
    this.decision = decision;
    this.served.thread.metrics.decided(decision);
    this.cut(forbidden(decision, 'the connection was open'));
  }

  override describe(): LiveConnection {
    return {
      direction: 'inbound',
      src: formatSocketAddress(this.source),
      originalDst: this.authority,
      actualDst: formatSocketAddress(this.#route.target),
      protocol: 'HBONE',
    };
  }

  protected override relate(): RelationKey {
    return inboundRelation(this.served, this.#peer, this.#service);
  }

  protected override refuse(error: AmbitError): void {
    this.#tunnel?.refuse(error.code === 'AMBIT_POLICY_DENIED' ? 401 : 503, reasonFields(error));
  }

  protected override leave(): void {
    this.served.thread.judge.release(this);
  }

  #start(tunnel: IncomingTunnel): void {
    this.served.transfers.add(this);
    tunnel.onAbandoned = () => {
      this.abandon();
    };
    const { judge, metrics } = this.served.thread;
    const question = judge.ask(this, (decision) => {
      this.pending = undefined;
      this.decision = decision;
      metrics.decided(decision);
      if (decision.allowed) this.#connect();
      else this.fail(forbidden(decision));
    });
    // Settled at once, unless there is something to take back.
    if (question !== undefined) this.pending = question;
  }

  /** What an application is told first that wants to know who reaches it, and where to. */
  #proxyHeader(): Buffer | undefined {
    const { proxyDestination: destination } = this.#route;
    if (destination === undefined) return undefined;
    const { address, principal } = this.#peer;
    const source = this.#clientPort === 0 ? address : { ip: address.ip, port: this.#clientPort };
    return proxyHeader('v2', source, destination, principal);
  }

  #connect(): void {
    const { thread } = this.served;
    const { target, judged } = this.#route;
    const { ip } = this.source;
    // The application sees its client's address. Its own address needs no help, and a loopback target none either.
    const spoofed = ip !== target.ip && target.ip === judged.ip;
    thread.judge.watch(this);
    this.pending = connectTcp(
      thread.reactor,
      {
        destination: target,
        namespace: this.served.namespace,
        account: this.served.account,
        // The application's kernel is ours: it cannot vanish without a word, so nothing has to be kept alive.
        local: true,
        mark: thread.config.packetMark,
        timeoutMs: CONNECT_TIMEOUT,
        source: spoofed ? { ip, required: false } : undefined,
        // And its port: the client's kernel gives it to no other connection to this place. Were the pod to leave the mesh,
        // one of any other port could meet a direct connection of the client that comes from the same.
        localPort: spoofed ? this.#clientPort : 0,
      },
      this,
    );
  }
}

/** A CONNECT that was turned away before it was known what it leads to. */
class RefusedTunnel extends Transfer {
  readonly #tunnel: IncomingTunnel;
  protected override readonly reached = undefined;
  protected override readonly traceId = undefined;

  constructor(served: ServedPod, tunnel: IncomingTunnel) {
    super(served);
    this.#tunnel = tunnel;
  }

  protected override get source(): SocketAddress {
    return this.#tunnel.peer.address;
  }

  protected override get authority(): string {
    return this.#tunnel.authority;
  }

  turnedAway(error: AmbitError): void {
    this.fail(error);
  }

  override describe(): LiveConnection {
    const { peer, authority } = this.#tunnel;
    const src = formatSocketAddress(peer.address);
    return { direction: 'inbound', src, originalDst: authority, actualDst: '', protocol: 'HBONE' };
  }

  protected override relate(): RelationKey {
    return inboundRelation(this.served, this.#tunnel.peer, undefined);
  }

  protected override refuse(): void {
    // Told already, with its own status.
  }

  protected override leave(): void {
    // Nobody knows of it.
  }
}

function serviceAsked(served: ServedPod, { judged }: InboundAccept, host: string | undefined): Service | undefined {
  const own = served.workload();
  return own === undefined ? undefined : askedService(served.thread.store, own, judged.port, host);
}

/** For a socket that nothing was sent on yet: its buffer takes a header at once, or nothing can be sent at all. */
function sendWhole(buffers: BufferPool, fd: number, bytes: Buffer): AmbitError | undefined {
  const memory = buffers.lend();
  bytes.copy(memory.bytes);
  const taken = send(fd, memory.address, bytes.length);
  buffers.giveBack(memory);
  if (taken === bytes.length) return undefined;
  return taken < 0
    ? socketError('send', taken, 'the PROXY header')
    : new AmbitError('AMBIT_SYSCALL', `${taken} octets of a PROXY header of ${bytes.length} were taken`);
}

function inboundRelation(served: ServedPod, peer: TunnelPeer, service: Service | undefined): RelationKey {
  const { store } = served.thread;
  const workload = store.findWorkload(store.network, peer.address.ip);
  return { reporter: 'destination', workload, principal: peer.principal, service };
}

function fieldOf(fields: readonly string[], name: string): string | undefined {
  for (let index = 0; index + 1 < fields.length; index += 2) if (fields[index] === name) return fields[index + 1];
  return undefined;
}
