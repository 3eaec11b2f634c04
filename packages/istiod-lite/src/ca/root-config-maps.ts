import type { Clock } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import type { Logger } from '@ambit/core/log';
import type { KubeClient } from '@ambit/kube/client';
import { Informer } from '@ambit/kube/informer';
import { CONFIG_MAPS, type KubeObject } from '@ambit/kube/resource';
import type { Model } from '@ambit/translation/model';
import type { Counters } from '../serve/counters.ts';
import { WorkQueue } from '../write/work-queue.ts';

const NAME = 'istio-ca-root-cert';
const KEY = 'root-cert.pem';

/** A ConfigMap, as far as it is used. */
export interface ConfigMap extends KubeObject {
  readonly kind: 'ConfigMap';
  readonly data?: Readonly<Record<string, string>>;
}

export interface RootConfigMapsParts {
  readonly client: KubeClient;
  readonly writes: Pick<KubeClient, 'apply'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
}

/** The roots as ConfigMap `istio-ca-root-cert` in every namespace that is not on its way out, made good when somebody changes them. */
export class RootConfigMaps implements Drainable {
  readonly #parts: RootConfigMapsParts;
  readonly #informer: Informer<ConfigMap>;
  readonly #queue: WorkQueue;
  #namespaces: ReadonlySet<string> = new Set();
  #rootsPem = '';
  #synced = false;

  constructor(parts: RootConfigMapsParts) {
    this.#parts = parts;
    this.#queue = new WorkQueue({ ...parts, what: NAME, reconcile: (namespace) => this.#reconcile(namespace) });
    this.#informer = new Informer<ConfigMap>({
      ...parts,
      resource: CONFIG_MAPS,
      fieldSelector: `metadata.name=${NAME}`,
      onChange: ({ object }) => this.#check(object.metadata.namespace ?? ''),
      onResync: () => {
        this.#synced = true;
        this.#checkAll();
      },
    });
  }

  start(rootsPem: string): void {
    this.#rootsPem = rootsPem;
    this.#informer.start();
  }

  /** Other roots from now on. */
  change(rootsPem: string): void {
    this.#rootsPem = rootsPem;
    this.#checkAll();
  }

  lead(leading: boolean): void {
    this.#queue.enable(leading);
    this.#checkAll();
  }

  act({ namespaces }: Model): void {
    this.#namespaces = new Set(
      [...namespaces.values()]
        .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
        .map(({ metadata }) => metadata.name),
    );
    this.#checkAll();
  }

  async close(options: { deadline: number }): Promise<void> {
    this.#informer.destroy();
    await this.#queue.close(options);
  }

  destroy(): void {
    this.#informer.destroy();
    this.#queue.destroy();
  }

  #checkAll(): void {
    if (!this.#synced) return;
    for (const namespace of this.#namespaces) this.#check(namespace);
  }

  #check(namespace: string): void {
    if (this.#synced && !this.#isRight(namespace)) this.#queue.add(namespace);
  }

  #isRight(namespace: string): boolean {
    return !this.#namespaces.has(namespace) || this.#informer.get(NAME, namespace)?.data?.[KEY] === this.#rootsPem;
  }

  async #reconcile(namespace: string): Promise<boolean> {
    if (this.#isRight(namespace)) return false;
    const configMap: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: NAME, namespace, labels: { 'istio.io/config': 'true' } },
      data: { [KEY]: this.#rootsPem },
    };
    await this.#parts.writes.apply(CONFIG_MAPS, configMap, { fieldManager: 'istio-ca-root-cert', force: true });
    return true;
  }
}
