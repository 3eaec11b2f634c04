import type { Service } from '../../objects.ts';
import type { TranslationSettings } from '../settings.ts';

/**
 * Of which namespace a Service would be that clients mean by a host. Names of the cluster are a namespace's own, whether there is
 * such a Service now or not; clients also say them in short, without `svc` and the domain of the cluster.
 */
export class ServiceNames {
  readonly #suffix: string;
  /** `name.namespace` of those that are there, of type ExternalName among them. */
  readonly #short: ReadonlyMap<string, string>;

  constructor(services: Iterable<Service>, { clusterDomain }: Pick<TranslationSettings, 'clusterDomain'>) {
    this.#suffix = `.svc.${clusterDomain}`;
    this.#short = new Map(
      Array.from(services, ({ metadata: { name, namespace } }) => [`${name}.${namespace}`, namespace]),
    );
  }

  /** `host` in lower case; undefined: it is no name of the cluster. */
  namespaceOf(host: string): string | undefined {
    const name = host.replace(/\.$/, '');
    const suffix = [this.#suffix, '.svc'].find((one) => name.endsWith(one));
    if (suffix === undefined) return this.#short.get(name);
    const labels = name.slice(0, -suffix.length).split('.');
    return labels.length < 2 ? undefined : labels.at(-1);
  }
}
