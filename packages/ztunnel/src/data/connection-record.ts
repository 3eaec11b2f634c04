import type { SocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';
import type { Decision } from '@ambit/mesh/policy/decision';
import type { Service } from '@ambit/mesh/service';
import type { Workload } from '@ambit/mesh/workload';
import { formatAccessJson, formatAccessText } from '@ambit/telemetry/access-log';
import { responseFlag } from '@ambit/telemetry/response-flags';
import type { TrafficSeries } from '@ambit/telemetry/traffic-metrics';
import { failureCause } from './failure-cause.ts';
import { PolicyError } from './refusals.ts';
import type { ServedPod } from './served-pod.ts';

/** What is known of a connection when it is relayed or refused. */
export interface RecordFacts {
  readonly reporter: 'destination' | 'source';
  /** The client's address. */
  readonly source: SocketAddress;
  /** What the client dialled (source), or what of the application is reached (destination). Undefined when it never got that far. */
  readonly destination: SocketAddress | undefined;
  /** Source only: where the connection really goes. */
  readonly nextHop: SocketAddress | undefined;
  /** The CONNECT target, in a tunnel. */
  readonly authority: string | undefined;
  /** Who the other end proved to be; undefined in plaintext. */
  readonly peerPrincipal: string | undefined;
  readonly peerWorkload: Workload | undefined;
  readonly service: Service | undefined;
  readonly traceId: string | undefined;
  readonly decision: Decision | undefined;
  /** Milliseconds of the loop's clock. */
  readonly startedAt: number;
}

const NOWHERE: SocketAddress = { ip: '0.0.0.0', port: 0 };

let serial = 0;

/** Counts one connection and writes its line in the access log when it ends. Exactly one of `close` and `fail` is called. */
export class ConnectionRecord {
  readonly #pod: ServedPod;
  readonly #facts: RecordFacts;
  readonly #series: TrafficSeries;

  constructor(pod: ServedPod, facts: RecordFacts) {
    this.#pod = pod;
    this.#facts = facts;
    const { metrics } = pod.thread;
    const own = metrics.traffic.party(pod.workload(), facts.peerPrincipal === undefined ? undefined : pod.principal);
    const peer = metrics.traffic.party(facts.peerWorkload, facts.peerPrincipal);
    const [source, destination] = facts.reporter === 'source' ? [own, peer] : [peer, own];
    this.#series = metrics.traffic.series(facts.reporter, source, destination, facts.service, '-');
  }

  /** The connection is relayed from now on. */
  open(): this {
    this.#series.opened += 1;
    this.#pod.thread.metrics.opened(this.#facts.reporter, this.#pod.thread.reactor.now - this.#facts.startedAt);
    return this;
  }

  /** A relayed connection ended. Bytes as the source sees them: `received` went to the destination. */
  close(received: number, sent: number, error: AmbitError | undefined, decision: Decision | undefined): void {
    const { metrics } = this.#pod.thread;
    this.#series.closed += 1;
    this.#series.received += received;
    this.#series.sent += sent;
    metrics.closed(this.#facts.reporter);
    const cause = failureCause(error);
    if (error !== undefined && cause !== 'drain')
      metrics.traffic.flagged(this.#series, responseFlag(cause)).failed += 1;
    this.#write(received, sent, error, decision);
  }

  /** The connection was refused, or never reached its other end. */
  fail(error: AmbitError): void {
    const { metrics } = this.#pod.thread;
    const series = metrics.traffic.flagged(this.#series, responseFlag(failureCause(error)));
    series.opened += 1;
    series.closed += 1;
    series.failed += 1;
    metrics.refused(this.#facts.reporter, error.code);
    this.#write(0, 0, error, error instanceof PolicyError ? error.decision : this.#facts.decision);
  }

  #write(received: number, sent: number, error: AmbitError | undefined, decision: Decision | undefined): void {
    const { thread, info } = this.#pod;
    const { reporter, source, destination, nextHop, authority, peerPrincipal, peerWorkload, service } = this.#facts;
    const outbound = reporter === 'source';
    const ownWorkload = this.#pod.workload();
    const own = {
      workload: info.name,
      namespace: info.namespace,
      identity: peerPrincipal === undefined ? undefined : this.#pod.principal,
      cluster: ownWorkload?.clusterId ?? thread.config.clusterId,
    };
    const peer = {
      workload: peerWorkload?.name,
      namespace: peerWorkload?.namespace,
      identity: peerPrincipal,
      cluster: peerWorkload?.clusterId,
    };
    const record = {
      time: thread.wallTime(),
      connectionId: `${process.pid}-${(serial += 1)}`,
      traceId: this.#facts.traceId,
      direction: outbound ? ('outbound' as const) : ('inbound' as const),
      source: { address: source, ...(outbound ? own : peer) },
      destination: { address: nextHop ?? destination ?? NOWHERE, ...(outbound ? peer : own) },
      hboneAddress: authority,
      service: service?.hostname,
      bytesSent: outbound ? received : sent,
      bytesReceived: outbound ? sent : received,
      duration: thread.reactor.now - this.#facts.startedAt,
      responseFlag: responseFlag(failureCause(error)),
      policy: decision?.policy,
      rule: decision?.rule,
      reason: error === undefined ? decision?.reason : error.code,
      error: error?.message,
    };
    thread.accessLog.write(
      `${thread.config.logFormat === 'json' ? formatAccessJson(record) : formatAccessText(record)}\n`,
    );
  }
}
