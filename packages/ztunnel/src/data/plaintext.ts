import { formatSocketAddress, type SocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';
import type { RelayOutcome } from '@ambit/hbone/tunnel';
import type { Decision } from '@ambit/mesh/policy/decision';
import type { ConnectionFacts } from '@ambit/mesh/policy/subject';
import { routeInboundPlaintext } from '@ambit/mesh/route/inbound';
import { setResetOnClose } from '@ambit/native/socket-option';
import { connectTcp, type PendingConnect, type TcpConnectHandler } from '@ambit/reactor/tcp-connect';
import { CONNECT_TIMEOUT } from '../limits.ts';
import type { PodInfo } from '../messages.ts';
import { ConnectionRecord, type RecordFacts } from './connection-record.ts';
import type { JudgedConnection } from './judge.ts';
import { applicationUnreachable, forbidden, unroutable } from './refusals.ts';
import type { LiveTransfer, ServedPod } from './served-pod.ts';

/** A connection to a pod from outside of the mesh: judged without an identity, then passed on as it came. */
export class PlaintextConnection implements TcpConnectHandler, JudgedConnection, LiveTransfer {
  readonly pod: PodInfo;
  readonly facts: ConnectionFacts;
  readonly #served: ServedPod;
  readonly #fd: number;
  readonly #source: SocketAddress;
  readonly #destination: SocketAddress;
  readonly #startedAt: number;
  #decision: Decision | undefined;
  #withdraw: (() => void) | undefined;
  #pending: PendingConnect | undefined;
  #record: ConnectionRecord | undefined;
  #cut: ((error: AmbitError) => void) | undefined;
  #unanswered = -1;
  #over = false;

  /** Takes ownership of `fd`, an accepted connection that the loop has adopted. */
  constructor(served: ServedPod, fd: number, source: SocketAddress, destination: SocketAddress) {
    this.pod = served.pod.info;
    this.facts = {
      identity: undefined,
      sourceIp: source.ip,
      destinationIp: destination.ip,
      destinationPort: destination.port,
    };
    this.#served = served;
    this.#fd = fd;
    this.#source = source;
    this.#destination = destination;
    this.#startedAt = served.thread.reactor.now;
  }

  start(): void {
    this.#served.transfers.add(this);
    this.#unanswered = this.#served.thread.unanswered.note({
      fd: this.#fd,
      pod: this.#served.pod.number,
      acceptedAt: 'plaintext',
    });
    const route = routeInboundPlaintext(this.#served.workload(), this.#destination);
    // A pod that is not described yet is judged all the same: the judge waits for it.
    if (route.kind === 'refuse' && route.reason !== 'workload-unknown') {
      this.#fail(unroutable(route));
      return;
    }
    this.#withdraw = this.#served.thread.judge.ask(this, (decision) => {
      this.#withdraw = undefined;
      this.#decision = decision;
      this.#served.thread.metrics.decided(decision);
      if (decision.allowed) this.#connect();
      else this.#fail(forbidden(decision));
    });
  }

  onConnected(fd: number): void {
    this.#pending = undefined;
    this.#record = new ConnectionRecord(this.#served, this.#facts()).open();
    this.#answer();
    this.#cut = this.#served.thread.relayPlain(this.#fd, fd, (outcome) => {
      this.#end(outcome);
    });
  }

  onConnectFailed(error: AmbitError): void {
    this.#pending = undefined;
    this.#fail(applicationUnreachable(this.#destination, error));
  }

  onForbidden(decision: Decision): void {
    this.#decision = decision;
    this.#served.thread.metrics.decided(decision);
    this.cut(forbidden(decision, 'the connection was open'));
  }

  cut(error: AmbitError): void {
    if (this.#over) return;
    if (this.#cut !== undefined) this.#cut(error);
    else this.#fail(error);
  }

  describe(): { originalDst: string; actualDst: string; src: string; protocol: 'TCP'; direction: 'inbound' } {
    const destination = formatSocketAddress(this.#destination);
    return {
      direction: 'inbound',
      src: formatSocketAddress(this.#source),
      originalDst: destination,
      actualDst: destination,
      protocol: 'TCP',
    };
  }

  /** From here on bytes may move, or the connection ends: no other thread could start it again. */
  #answer(): void {
    this.#served.thread.unanswered.clear(this.#unanswered);
    this.#unanswered = -1;
  }

  #connect(): void {
    const { thread } = this.#served;
    thread.judge.watch(this);
    this.#pending = connectTcp(
      thread.reactor,
      {
        destination: this.#destination,
        namespace: this.#served.namespace,
        mark: thread.config.packetMark,
        keepalive: thread.keepalive,
        timeoutMs: CONNECT_TIMEOUT,
        ...(this.#source.ip === this.#destination.ip ? {} : { source: { ip: this.#source.ip, required: false } }),
      },
      this,
    );
  }

  #facts(): RecordFacts {
    const { store } = this.#served.thread;
    return {
      reporter: 'destination',
      source: this.#source,
      destination: this.#destination,
      nextHop: undefined,
      authority: undefined,
      peerPrincipal: undefined,
      peerWorkload: store.findWorkload(store.network, this.#source.ip),
      service: undefined,
      traceId: undefined,
      decision: this.#decision,
      startedAt: this.#startedAt,
    };
  }

  /** The client sees a reset, never a silent end. */
  #fail(error: AmbitError): void {
    if (this.#over) return;
    this.#close();
    this.#answer();
    setResetOnClose(this.#fd);
    this.#served.thread.reactor.close(this.#fd);
    new ConnectionRecord(this.#served, this.#facts()).fail(error);
  }

  #end(outcome: RelayOutcome): void {
    this.#close();
    this.#record?.close(outcome.bytesFromApplication, outcome.bytesToApplication, outcome.error, this.#decision);
  }

  #close(): void {
    this.#over = true;
    this.#withdraw?.();
    this.#pending?.cancel();
    this.#served.thread.judge.release(this);
    this.#served.transfers.delete(this);
  }
}
