import {
  compileService,
  type CompiledCluster,
  type CompiledPort,
  type CompiledService,
} from '@ambit/traffic/compiled-service';
import type { ServedService } from '@ambit/traffic/model/served-service';
import type { RequestMetrics } from '@ambit/telemetry/request-metrics';
import type { RateLimits } from '@ambit/traffic/rate-limit/rate-limits';
import { LiveTelemetry } from './live-telemetry.ts';
import type { RateLimitStates } from './rate-limit-states.ts';
import { UpstreamCluster, type Upstreams } from './upstreams.ts';

/** A service or a workload that this waypoint serves, as this thread uses it. */
export interface LiveService {
  readonly compiled: CompiledService;
  readonly clusters: ReadonlyMap<CompiledCluster, UpstreamCluster>;
  /** Undefined: as the waypoint does by itself. */
  readonly telemetry: LiveTelemetry | undefined;
  /** Undefined: nothing limits its requests. */
  readonly rateLimits: RateLimits | undefined;
}

/** The services and workloads that this waypoint serves. A request keeps the version that it began with. */
export class ServedServices {
  readonly #upstreams: Upstreams;
  readonly #metrics: RequestMetrics;
  readonly rateLimits: RateLimitStates;
  /** By the name of the resource. */
  readonly #byName = new Map<string, LiveService>();
  /** By `namespace/hostname` or the uid of a workload, which has more slashes. */
  readonly #byKey = new Map<string, LiveService>();

  constructor(upstreams: Upstreams, metrics: RequestMetrics, rateLimits: RateLimitStates) {
    this.#upstreams = upstreams;
    this.#metrics = metrics;
    this.rateLimits = rateLimits;
  }

  /** What is served under the key of a service or the uid of a workload. */
  find(key: string): LiveService | undefined {
    return this.#byKey.get(key);
  }

  /** Puts a new version into force. */
  put(model: ServedService): void {
    const previous = new Map<string, UpstreamCluster>();
    for (const cluster of this.#byName.get(model.resourceName)?.clusters.values() ?? [])
      previous.set(cluster.compiled.name, cluster);
    const compiled = compileService(model);
    const clusters = new Map<CompiledCluster, UpstreamCluster>();
    for (const cluster of compiled.clusters.values())
      clusters.set(cluster, new UpstreamCluster(cluster, this.#upstreams, previous.get(cluster.name)));
    const telemetry =
      compiled.telemetry === undefined
        ? undefined
        : new LiveTelemetry(compiled.telemetry, model.resourceName, this.#metrics);
    const live: LiveService = { compiled, clusters, telemetry, rateLimits: this.rateLimits.of(model) };
    this.#byName.set(model.resourceName, live);
    this.#byKey.set(keyOf(model), live);
  }

  remove(name: string): void {
    const live = this.#byName.get(name);
    if (live === undefined) return;
    this.#byName.delete(name);
    const key = keyOf(live.compiled.model);
    if (this.#byKey.get(key) === live) this.#byKey.delete(key);
  }
}

/** Its rules for connections to a port as the client dialled it. */
export function portOf({ compiled: { ports } }: LiveService, dialled: number): CompiledPort | undefined {
  // A service has no port 0, so what it does not list is not served.
  return ports.get(dialled) ?? ports.get(0);
}

function keyOf({ workloadUid, namespace, hostname }: ServedService): string {
  return workloadUid === '' ? `${namespace}/${hostname}` : workloadUid;
}
