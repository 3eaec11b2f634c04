import { compileService, type CompiledCluster, type CompiledService } from '@ambit/traffic/compiled-service';
import type { ServedService } from '@ambit/traffic/model/served-service';
import { UpstreamCluster, type Upstreams } from './upstreams.ts';

/** A service that this waypoint serves, as this thread uses it. */
export interface LiveService {
  readonly compiled: CompiledService;
  readonly clusters: ReadonlyMap<CompiledCluster, UpstreamCluster>;
}

/** The services that this waypoint serves. A request keeps the version that it began with. */
export class ServedServices {
  readonly #upstreams: Upstreams;
  /** By the name of the resource. */
  readonly #byName = new Map<string, LiveService>();
  /** By `namespace/hostname`. */
  readonly #byKey = new Map<string, LiveService>();

  constructor(upstreams: Upstreams) {
    this.#upstreams = upstreams;
  }

  find(serviceKey: string): LiveService | undefined {
    return this.#byKey.get(serviceKey);
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
    const live: LiveService = { compiled, clusters };
    this.#byName.set(model.resourceName, live);
    this.#byKey.set(`${model.namespace}/${model.hostname}`, live);
  }

  remove(name: string): void {
    const live = this.#byName.get(name);
    if (live === undefined) return;
    this.#byName.delete(name);
    const { namespace, hostname } = live.compiled.model;
    const key = `${namespace}/${hostname}`;
    if (this.#byKey.get(key) === live) this.#byKey.delete(key);
  }
}
