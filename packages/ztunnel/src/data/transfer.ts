import type { SocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';
import type { RelayOutcome } from '@ambit/hbone/tunnel';
import type { Decision } from '@ambit/mesh/policy/decision';
import { responseFlag } from '@ambit/telemetry/response-flags';
import type { LiveConnection } from '../messages.ts';
import { failureCause } from './failure-cause.ts';
import { PolicyError } from './refusals.ts';
import type { Relation, RelationKey } from './relation.ts';
import type { ServedPod } from './served-pod.ts';

const NOWHERE: SocketAddress = { ip: '0.0.0.0', port: 0 };

/** Something under way that can be given up. */
interface Cancellable {
  cancel(): void;
}

/** Something that moves bytes and can be ended. */
export interface Cuttable {
  cut(error: AmbitError): void;
}

let serial = 0;

/**
 * A connection of a pod, whichever way it goes: from its first step through the relay to its end, which is counted and
 * written to the access log exactly once.
 */
export abstract class Transfer {
  /** Among the transfers of its pod. */
  place = -1;
  protected readonly served: ServedPod;
  /** Milliseconds of the loop's clock. */
  protected readonly startedAt: number;
  /** What policies said last. */
  protected decision: Decision | undefined;
  /** The step that is under way before bytes move. */
  protected pending: Cancellable | undefined;
  #relay: Cuttable | undefined;
  /** Set while bytes move. */
  #relation: Relation | undefined;
  #over = false;

  constructor(served: ServedPod) {
    this.served = served;
    this.startedAt = served.thread.reactor.now;
  }

  abstract describe(): LiveConnection;

  /** The client's address. */
  protected abstract get source(): SocketAddress;
  /** Outbound the next hop, inbound what of the application is reached; undefined when it never got that far. */
  protected abstract get reached(): SocketAddress | undefined;
  /** The CONNECT target, in a tunnel. */
  protected abstract get authority(): string | undefined;
  protected abstract get traceId(): string | undefined;
  /** Who is at the other end, as far as it is known. */
  protected abstract relate(): RelationKey;
  /** Tells the client that there will be no connection. */
  protected abstract refuse(error: AmbitError): void;
  /** Lets go of whatever else knows of the connection. */
  protected abstract leave(): void;

  protected get over(): boolean {
    return this.#over;
  }

  /** Ends the connection now. Idempotent. */
  cut(error: AmbitError): void {
    if (this.#over) return;
    if (this.#relay === undefined) this.fail(error);
    else this.#relay.cut(error);
  }

  /** Bytes are about to move. */
  protected opened(): void {
    const { metrics, reactor } = this.served.thread;
    const relation = this.served.relations.find(this.relate());
    this.#relation = relation;
    relation.series.opened += 1;
    metrics.opened(relation.reporter, reactor.now - this.startedAt);
  }

  protected relayedBy(relay: Cuttable): void {
    this.#relay = relay;
  }

  /** The connection was refused, or never reached its other end. Idempotent. */
  protected fail(error: AmbitError): void {
    if (this.#over) return;
    this.#finish();
    this.refuse(error);
    const { metrics } = this.served.thread;
    const relation = this.served.relations.find(this.relate());
    const series = metrics.traffic.flagged(relation.series, responseFlag(failureCause(error)));
    series.opened += 1;
    series.closed += 1;
    series.failed += 1;
    metrics.refused(relation.reporter, error.code);
    this.#write(relation, 0, 0, error, error instanceof PolicyError ? error.decision : this.decision);
  }

  /** The client gave up before there was anything to count. */
  protected abandon(): void {
    if (!this.#over) this.#finish();
  }

  /** A relayed connection ended. `received` went to the destination, `sent` came from it. */
  protected ended(received: number, sent: number, { error }: RelayOutcome): void {
    this.#finish();
    const relation = this.#relation;
    if (relation === undefined) return;
    const { metrics } = this.served.thread;
    const { series, reporter } = relation;
    series.closed += 1;
    series.received += received;
    series.sent += sent;
    metrics.closed(reporter);
    if (error !== undefined) {
      const cause = failureCause(error);
      if (cause !== 'drain') metrics.traffic.flagged(series, responseFlag(cause)).failed += 1;
    }
    this.#write(relation, received, sent, error, this.decision);
  }

  #finish(): void {
    this.#over = true;
    this.pending?.cancel();
    this.pending = undefined;
    this.served.transfers.delete(this);
    this.leave();
  }

  #write(
    { lines, reporter }: Relation,
    received: number,
    sent: number,
    error: AmbitError | undefined,
    decision: Decision | undefined,
  ): void {
    const { thread } = this.served;
    const outbound = reporter === 'source';
    serial += 1;
    const line = lines.line({
      time: thread.wallTime(),
      connection: serial,
      traceId: this.traceId,
      source: this.source,
      destination: this.reached ?? NOWHERE,
      hboneAddress: this.authority,
      bytesSent: outbound ? received : sent,
      bytesReceived: outbound ? sent : received,
      duration: thread.reactor.now - this.startedAt,
      responseFlag: error === undefined ? '-' : responseFlag(failureCause(error)),
      policy: decision?.policy,
      rule: decision?.rule,
      reason: error === undefined ? decision?.reason : error.code,
      error: error?.message,
    });
    thread.accessLog.write(line);
  }
}
