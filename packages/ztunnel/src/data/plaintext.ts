import { formatSocketAddress, type SocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';
import type { Decision } from '@ambit/mesh/policy/decision';
import type { ConnectionFacts } from '@ambit/mesh/policy/subject';
import { askedService } from '@ambit/mesh/route/asked-service';
import { routeInboundPlaintext } from '@ambit/mesh/route/inbound';
import { setResetOnClose } from '@ambit/native/socket-option';
import { connectTcp, type TcpConnectHandler } from '@ambit/reactor/tcp-connect';
import { CONNECT_TIMEOUT } from '../limits.ts';
import type { LiveConnection, PodInfo } from '../messages.ts';
import type { JudgedConnection } from './judge.ts';
import { applicationUnreachable, forbidden, unroutable } from './refusals.ts';
import type { RelationKey } from './relation.ts';
import type { ServedPod } from './served-pod.ts';
import { Transfer } from './transfer.ts';

/** A connection to a pod from outside of the mesh: judged without an identity, then passed on as it came. */
export class PlaintextConnection extends Transfer implements TcpConnectHandler, JudgedConnection {
  judgedPlace = -1;
  readonly #fd: number;
  readonly #destination: SocketAddress;
  #unanswered = -1;
  protected override readonly source: SocketAddress;
  protected override readonly authority = undefined;
  protected override readonly traceId = undefined;

  /** Takes ownership of `fd`, an accepted connection that the loop has adopted. */
  constructor(served: ServedPod, fd: number, source: SocketAddress, destination: SocketAddress) {
    super(served);
    this.#fd = fd;
    this.source = source;
    this.#destination = destination;
  }

  get pod(): PodInfo {
    return this.served.info;
  }

  get facts(): ConnectionFacts {
    return {
      identity: undefined,
      sourceIp: this.source.ip,
      destinationIp: this.#destination.ip,
      destinationPort: this.#destination.port,
    };
  }

  protected override get reached(): SocketAddress {
    return this.#destination;
  }

  start(): void {
    const { served } = this;
    served.transfers.add(this);
    this.#unanswered = served.thread.unanswered.note({
      fd: this.#fd,
      pod: served.pod.number,
      acceptedAt: 'plaintext',
    });
    const route = routeInboundPlaintext(served.workload(), this.#destination);
    // A pod that is not described yet is judged all the same: the judge waits for it.
    if (route.kind === 'refuse' && route.reason !== 'workload-unknown') {
      this.fail(unroutable(route));
      return;
    }
    const { judge, metrics } = served.thread;
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

  onConnected(fd: number): void {
    this.pending = undefined;
    this.opened();
    this.#answer();
    const relay = this.served.thread.relayPlain(this.#fd, fd, (outcome) => {
      this.ended(outcome.bytesFromApplication, outcome.bytesToApplication, outcome);
    });
    this.relayedBy(relay);
  }

  onConnectFailed(error: AmbitError): void {
    this.pending = undefined;
    this.fail(applicationUnreachable(this.#destination, error));
  }

  onForbidden(decision: Decision): void {
    this.decision = decision;
    this.served.thread.metrics.decided(decision);
    this.cut(forbidden(decision, 'the connection was open'));
  }

  override describe(): LiveConnection {
    const destination = formatSocketAddress(this.#destination);
    return {
      direction: 'inbound',
      src: formatSocketAddress(this.source),
      originalDst: destination,
      actualDst: destination,
      protocol: 'TCP',
    };
  }

  protected override relate(): RelationKey {
    const { store } = this.served.thread;
    const workload = store.findWorkload(store.network, this.source.ip);
    const own = this.served.workload();
    const service = own === undefined ? undefined : askedService(store, own, this.#destination.port, undefined);
    return { reporter: 'destination', workload, principal: undefined, service };
  }

  /** The client sees a reset, never a silent end. */
  protected override refuse(): void {
    this.#answer();
    setResetOnClose(this.#fd);
    this.served.thread.reactor.close(this.#fd);
  }

  protected override leave(): void {
    this.served.thread.judge.release(this);
  }

  /** From here on bytes may move, or the connection ends: no other thread could start it again. */
  #answer(): void {
    this.served.thread.unanswered.clear(this.#unanswered);
    this.#unanswered = -1;
  }

  #connect(): void {
    const { thread } = this.served;
    thread.judge.watch(this);
    this.pending = connectTcp(
      thread.reactor,
      {
        destination: this.#destination,
        namespace: this.served.namespace,
        account: this.served.account,
        local: true,
        mark: thread.config.packetMark,
        timeoutMs: CONNECT_TIMEOUT,
        source: this.source.ip === this.#destination.ip ? undefined : { ip: this.source.ip, required: false },
      },
      this,
    );
  }
}
