import type { SocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';
import type { Decision, DryRunFinding } from '@ambit/mesh/policy/decision';
import type { Service } from '@ambit/mesh/service';
import type { Workload } from '@ambit/mesh/workload';
import type { LoggedUpstream } from '@ambit/telemetry/http-log-record';
import { NO_GRPC_STATUS } from '@ambit/telemetry/request-series';
import { parseFlags } from '@ambit/telemetry/response-flag-set';
import type { TrafficSeries } from '@ambit/telemetry/traffic-metrics';
import type { ResponseFlags } from '@ambit/traffic/response-flag';
import type { DataThreadContext } from './context.ts';
import type { LoggedValues } from './logged-values.ts';
import { observationOf } from './observation.ts';
import { PolicyDenied } from './policy-denied.ts';
import type { OpaqueFailure, OpaqueUpstream } from './opaque-dial.ts';
import { principalOf } from './workload-principal.ts';

/** Whose connection it is; what is not known of a refused one is undefined. */
export interface OpaqueClient {
  readonly principal: string;
  readonly address: SocketAddress;
  readonly workload: Workload | undefined;
  readonly authority: string;
  readonly service: Service | undefined;
  /** What is served there; undefined: nothing. */
  readonly served?: string;
}

/** Counts and logs one connection whose bytes are not looked at. Exactly one of `fail` and, after `open`, `close` is called. */
export class OpaqueRecord {
  readonly #thread: DataThreadContext;
  readonly #client: OpaqueClient;
  readonly #startTime: number;
  readonly #startedAt: number;
  #series: TrafficSeries | undefined;
  #upstream: LoggedUpstream | undefined;
  #chosen: OpaqueUpstream | undefined;
  /** Of a policy that is not enforced. */
  #finding: DryRunFinding | undefined;

  constructor(thread: DataThreadContext, client: OpaqueClient) {
    this.#thread = thread;
    this.#client = client;
    this.#startTime = thread.wallTime();
    this.#startedAt = thread.reactor.now;
  }

  /** What policies say of the connection. Counted here; told when the record is written. */
  judged(decision: Decision): void {
    this.#thread.metrics.decided(decision);
    const [finding] = decision.dryRun;
    if (decision.allowed && finding !== undefined) this.#finding = finding;
  }

  open(upstream: OpaqueUpstream): void {
    const { cluster, chosen } = upstream;
    this.#chosen = upstream;
    this.#upstream = this.#thread.requestLog.upstream(cluster, chosen.upstream);
    this.#series = this.#seriesTo(chosen.slot.endpoint.workload, cluster.service);
    this.#series.opened += 1;
  }

  /** Bytes as the source sees them: `received` went to the destination. */
  close(received: number, sent: number, error: AmbitError | undefined): void {
    const series = this.#series;
    if (series !== undefined) {
      series.closed += 1;
      series.received += received;
      series.sent += sent;
    }
    this.#write(received, sent, '-', error);
  }

  fail({ cluster, flags, error }: OpaqueFailure): void {
    const { metrics } = this.#thread;
    // As node proxies count it.
    const [flag] = error instanceof PolicyDenied ? ['DENY'] : flags.split(',');
    const series = metrics.traffic.flagged(
      this.#seriesTo(cluster?.workload, cluster?.service ?? this.#client.service),
      flag as Exclude<ResponseFlags, `${string},${string}`>,
    );
    series.opened += 1;
    series.closed += 1;
    series.failed += 1;
    metrics.refused(error.code);
    this.#write(0, 0, flags, error);
  }

  #seriesTo(workload: Workload | undefined, service: Service | undefined): TrafficSeries {
    const { traffic } = this.#thread.metrics;
    const source = traffic.party(this.#client.workload, this.#client.principal);
    const principal = principalOf(workload);
    return traffic.series('waypoint', source, traffic.party(workload, principal), service, '-');
  }

  #write(received: number, sent: number, flags: ResponseFlags, error: AmbitError | undefined): void {
    const { requestLog, reactor, services } = this.#thread;
    const live = this.#client.served === undefined ? undefined : services.find(this.#client.served);
    if (live?.telemetry?.compiled.logsConnections === false) return;
    const denied = error instanceof PolicyDenied ? error : undefined;
    const values: LoggedValues = {
      startTime: this.#startTime,
      method: undefined,
      path: undefined,
      protocol: undefined,
      status: 0,
      flags: parseFlags(flags),
      details: undefined,
      terminationDetails: denied?.details ?? error?.message,
      transportFailure: flags === '-' ? undefined : error?.message,
      bytesReceived: received,
      bytesSent: sent,
      duration: reactor.now - this.#startedAt,
      upstreamServiceTime: undefined,
      forwardedFor: undefined,
      userAgent: undefined,
      requestId: undefined,
      authority: this.#client.authority,
      downstream: requestLog.downstream(this.#client),
      upstream: this.#upstream,
      route: undefined,
      policy: denied?.policy ?? this.#finding?.policy,
      reason: error?.code ?? observationOf(this.#finding),
      client: this.#client,
      clusterName: this.#chosen?.cluster.compiled.name,
      endpoint: this.#chosen && {
        address: this.#chosen.chosen.upstream.address,
        workload: this.#chosen.chosen.slot.endpoint.workload,
      },
      routeName: undefined,
      grpcStatus: NO_GRPC_STATUS,
      header: () => undefined,
      responseHeader: () => undefined,
    };
    requestLog.write(values, live?.telemetry?.logFormat);
  }
}
