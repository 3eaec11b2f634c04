import { create } from '@bufbuild/protobuf';
import { type Cluster, ClusterSchema } from '@ambit/proto/waypoint';
import type { Service, ServicePort } from '../../objects.ts';
import { hostnameOf } from '../service.ts';
import type { TranslationSettings } from '../settings.ts';
import { protocolOf } from './protocol.ts';

/** From a connect to its end, milliseconds, when no DestinationRule says otherwise (as in Istio). */
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

/** Where the routes of one served Service lead. */
export class ClusterSet {
  readonly #settings: TranslationSettings;
  readonly #clusters = new Map<string, Cluster>();

  constructor(settings: TranslationSettings) {
    this.#settings = settings;
  }

  /** The name of the cluster of a Service's port; it is made when it is asked for first. */
  nameOf(service: Service, port: ServicePort): string {
    const hostname = hostnameOf(service, this.#settings);
    const name = `outbound|${port.port}||${hostname}`;
    if (!this.#clusters.has(name)) {
      const cluster = create(ClusterSchema, {
        name,
        namespace: service.metadata.namespace,
        hostname,
        port: port.port,
        protocol: protocolOf(port),
        connectTimeoutMs: DEFAULT_CONNECT_TIMEOUT_MS,
      });
      this.#clusters.set(name, cluster);
    }
    return name;
  }

  /** All of them, sorted by name. */
  list(): Cluster[] {
    return [...this.#clusters.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
