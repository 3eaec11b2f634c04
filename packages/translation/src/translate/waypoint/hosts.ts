import type { Model } from '../../model.ts';
import type { EntryHosts } from '../entries/entry-hosts.ts';
import type { MeshService } from '../mesh-service.ts';
import { hostnameOf, isPublished } from '../service.ts';
import type { TranslationSettings } from '../settings.ts';
import { hostMatches } from './host-index.ts';

/** Services and hosts of ServiceEntries, by the hosts that Istio's objects name. */
export class ServiceHosts {
  readonly #settings: TranslationSettings;
  /** Those of one host; whom everybody means first. */
  readonly #services = new Map<string, MeshService[]>();

  constructor(model: Pick<Model, 'services'>, settings: TranslationSettings, entryHosts: EntryHosts) {
    this.#settings = settings;
    for (const service of model.services.values()) {
      if (isPublished(service)) this.#services.set(hostnameOf(service, settings), [service]);
    }
    for (const host of entryHosts.all()) {
      if (host.closed) continue;
      const others = this.#services.get(host.hostname) ?? [];
      this.#services.set(host.hostname, host.canonical ? [host, ...others] : [...others, host]);
    }
  }

  /** A host as it is meant: a name without dots is a Service of the object's own namespace. */
  resolve(host: string, namespace: string): string {
    const name = host.toLowerCase();
    return name.includes('.') || name.includes('*') ? name : `${name}.${namespace}.svc.${this.#settings.clusterDomain}`;
  }

  /** Whom an object of a namespace means by a resolved host: what is of that namespace, else what everybody sees. */
  get(host: string, namespace: string): MeshService | undefined {
    const services = this.#services.get(host) ?? [];
    const own = services.find(({ metadata }) => metadata.namespace === namespace);
    return own ?? services.find((service) => service.kind === 'Service' || !service.namespaceOnly);
  }

  hostOf(service: MeshService): string {
    return hostnameOf(service, this.#settings);
  }

  /** What a resolved host, possibly `*` or `*.suffix`, stands for. */
  matching(host: string): MeshService[] {
    const exact = this.#services.get(host);
    if (exact !== undefined || !host.startsWith('*')) return exact ?? [];
    return [...this.#services].filter(([name]) => hostMatches(host, name)).flatMap(([, services]) => services);
  }
}
