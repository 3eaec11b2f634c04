import { formatSocketAddress, type SocketAddress } from '@ambit/core/address';
import type { Workload } from '@ambit/mesh/workload';
import type { AccessLog, RecordWriter } from '@ambit/proxy/access-log';
import { httpAccessLog } from '@ambit/telemetry/http-access-log';
import type { HttpAccessLog, LoggedDownstream, LoggedRoute, LoggedUpstream } from '@ambit/telemetry/http-log-record';
import type { CompiledRoute } from '@ambit/traffic/compiled-service';
import type { LoggedValues } from './logged-values.ts';
import type { UpstreamEndpoint } from './upstream-endpoint.ts';
import type { UpstreamCluster } from './upstreams.ts';

/** The access log of one thread. What is the same for many requests is rendered once. */
export class RequestLog {
  readonly #format: HttpAccessLog;
  readonly #accessLog: AccessLog;
  readonly #routes = new WeakMap<CompiledRoute, LoggedRoute>();
  readonly #upstreams = new WeakMap<UpstreamCluster, WeakMap<UpstreamEndpoint, LoggedUpstream>>();

  constructor(format: 'json' | 'text', accessLog: AccessLog) {
    this.#format = httpAccessLog(format);
    this.#accessLog = accessLog;
  }

  downstream(client: {
    readonly principal: string;
    readonly address: SocketAddress;
    readonly workload: Workload | undefined;
    readonly authority: string;
  }): LoggedDownstream {
    return this.#format.downstream({
      localAddress: client.authority,
      remoteAddress: formatSocketAddress(client.address),
      serverName: undefined,
      principal: client.principal,
      workload: nameOf(client.workload),
    });
  }

  upstream(cluster: UpstreamCluster, upstream: UpstreamEndpoint): LoggedUpstream {
    let ofCluster = this.#upstreams.get(cluster);
    if (ofCluster === undefined) {
      ofCluster = new WeakMap();
      this.#upstreams.set(cluster, ofCluster);
    }
    let logged = ofCluster.get(upstream);
    if (logged === undefined) {
      logged = this.#format.upstream({
        host: formatSocketAddress(upstream.address),
        cluster: cluster.compiled.name,
        localAddress: undefined,
        workload: nameOf(upstream.endpoint.workload),
      });
      ofCluster.set(upstream, logged);
    }
    return logged;
  }

  route(route: CompiledRoute): LoggedRoute {
    let logged = this.#routes.get(route);
    if (logged === undefined) {
      logged = this.#format.route(route.name);
      this.#routes.set(route, logged);
    }
    return logged;
  }

  /** `format`: that of a user, in place of the waypoint's. */
  write(record: LoggedValues, format: RecordWriter<LoggedValues> | undefined): void {
    if (format === undefined) this.#accessLog.writeRecord(this.#format, record);
    else this.#accessLog.writeRecord(format, record);
  }

  flush(): void {
    this.#accessLog.flush();
  }
}

function nameOf(workload: Workload | undefined): string | undefined {
  return workload === undefined ? undefined : `${workload.namespace}/${workload.name}`;
}
