import type { Model } from '../../model.ts';
import type { EntryHosts } from '../entries/entry-hosts.ts';
import type { MeshService } from '../mesh-service.ts';

/** What routes may refer to, by kind and `namespace/name`. */
export class ServiceCatalog {
  readonly #services: Model['services'];
  readonly #entryHosts: EntryHosts;

  constructor(model: Pick<Model, 'services'>, entryHosts: EntryHosts) {
    this.#services = model.services;
    this.#entryHosts = entryHosts;
  }

  /** The Service, published or not. */
  service(key: string): ReturnType<Model['services']['get']> {
    return this.#services.get(key);
  }

  /** The hosts that are published of a ServiceEntry; empty when there are none. */
  hosts(key: string): readonly MeshService[] {
    return this.#entryHosts.of(key) ?? [];
  }
}
