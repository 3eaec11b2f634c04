import type { Logger } from '@ambit/core/log';
import { messageOf } from '@ambit/core/errors';
import type { ServedService } from '@ambit/traffic/model/served-service';
import { readServedService } from '@ambit/traffic/model/read-served-service';
import type { RejectedResource, ResourceUpdate } from '@ambit/xds/resource';

export interface ServicesOptions {
  readonly log: Logger;
  /** Puts services into force on every data thread; resolves when they are. */
  readonly distribute: (changed: readonly ServedService[], removed: readonly string[]) => Promise<void>;
}

/**
 * The services that this waypoint serves, on their way to the data threads. What cannot be read, or asks for what this version
 * does not know, is refused as a whole: its last good version stays in force, and without one the service is not served.
 */
export class Services {
  readonly #options: ServicesOptions;
  readonly #known = new Map<string, { readonly model: ServedService; readonly version: string }>();
  readonly #firstSync = Promise.withResolvers<undefined>();
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: ServicesOptions) {
    this.#options = options;
  }

  /** Resolves when the controller has named all services. */
  get known(): Promise<undefined> {
    return this.#firstSync.promise;
  }

  /** All of them, for a data thread that starts. */
  models(): ServedService[] {
    return Array.from(this.#known.values(), ({ model }) => model);
  }

  /** Whether a cluster of them comes with a client certificate. */
  get nameCertificates(): boolean {
    return this.models().some(({ clusters }) =>
      clusters.some(({ upstreamTls }) => (upstreamTls?.clientCertificate ?? '') !== ''),
    );
  }

  /** Versions by name. */
  versions(): Map<string, string> {
    return new Map(Array.from(this.#known, ([name, { version }]) => [name, version]));
  }

  /** Applies one update of the controller after those before it; resolves, when every data thread works by it, with what was refused. */
  apply(update: ResourceUpdate): Promise<RejectedResource[]> {
    const applied = this.#queue.then(() => this.#apply(update));
    this.#queue = applied.catch(() => undefined);
    return applied;
  }

  async #apply(update: ResourceUpdate): Promise<RejectedResource[]> {
    const changed: ServedService[] = [];
    const rejected: RejectedResource[] = [];
    for (const { name, version, bytes } of update.resources) {
      try {
        const model = readServedService(bytes);
        this.#known.set(name, { model, version });
        changed.push(model);
      } catch (thrown) {
        const reason = messageOf(thrown);
        rejected.push({ name, reason });
        this.#options.log.error(
          { name, reason, kept: this.#known.has(name) },
          'a service of the controller is refused; its last good version stays in force',
        );
      }
    }
    const removed = update.removed.filter((name) => this.#known.delete(name));
    if (changed.length > 0 || removed.length > 0) await this.#options.distribute(changed, removed);
    if (update.first) this.#firstSync.resolve(undefined);
    return rejected;
  }
}
