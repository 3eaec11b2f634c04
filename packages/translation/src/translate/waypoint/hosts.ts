import type { Model } from '../../model.ts';
import type { Service } from '../../objects.ts';
import { hostnameOf, isPublished } from '../service.ts';
import type { TranslationSettings } from '../settings.ts';
import { hostMatches } from './host-index.ts';

/** Services by the hosts that Istio's objects name. */
export class ServiceHosts {
  readonly #settings: TranslationSettings;
  readonly #services = new Map<string, Service>();

  constructor(model: Model, settings: TranslationSettings) {
    this.#settings = settings;
    for (const service of model.services.values()) {
      if (isPublished(service)) this.#services.set(hostnameOf(service, settings), service);
    }
  }

  /** A host as it is meant: a name without dots is a Service of the object's own namespace. */
  resolve(host: string, namespace: string): string {
    const name = host.toLowerCase();
    return name.includes('.') || name.includes('*') ? name : `${name}.${namespace}.svc.${this.#settings.clusterDomain}`;
  }

  /** The Service of a resolved host. */
  get(host: string): Service | undefined {
    return this.#services.get(host);
  }

  hostOf(service: Service): string {
    return hostnameOf(service, this.#settings);
  }

  /** The Services that a resolved host, possibly `*` or `*.suffix`, stands for. */
  matching(host: string): Service[] {
    const exact = this.#services.get(host);
    if (exact !== undefined || !host.startsWith('*')) return exact === undefined ? [] : [exact];
    return [...this.#services].filter(([name]) => hostMatches(host, name)).map(([, service]) => service);
  }
}
