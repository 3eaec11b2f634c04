import { sameSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import type { MeshStore } from '@ambit/mesh/mesh-store';
import type { CompiledPort, CompiledRoutes } from '@ambit/traffic/compiled-service';
import { routesOf } from '@ambit/traffic/match/routes-of';
import type { TrafficSource } from '@ambit/traffic/match/source-matcher';

/**
 * The routes that hold for one client's connection: looked for once, and again when the port has a new version, or the mesh
 * one and routes depend on which workload the client is.
 */
export class ClientRoutes {
  readonly #store: MeshStore;
  readonly #identity: SpiffeId;
  readonly #ip: string;
  #port: CompiledPort | undefined;
  #generation = 0;
  #routes: CompiledRoutes | undefined;

  /** `identity` is proven by the tunnel that comes from `ip`. */
  constructor(store: MeshStore, identity: SpiffeId, ip: string) {
    this.#store = store;
    this.#identity = identity;
    this.#ip = ip;
  }

  of(port: CompiledPort): CompiledRoutes {
    const known = this.#routes;
    if (
      port === this.#port &&
      known !== undefined &&
      !(known.bySource && this.#generation !== this.#store.generation)
    ) {
      return known;
    }
    const routes = routesOf(port, this.#source());
    this.#port = port;
    this.#generation = this.#store.generation;
    this.#routes = routes;
    return routes;
  }

  #source(): TrafficSource {
    const { namespace } = this.#identity;
    const workload = this.#store.findWorkload(this.#store.network, this.#ip);
    // The address may be another's by now, or be shared: only both together say which workload it is.
    const isClient = workload !== undefined && sameSpiffeId(workload.identity, this.#identity);
    return { namespace, workloadUid: isClient ? workload.uid : undefined };
  }
}
