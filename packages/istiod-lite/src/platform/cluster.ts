import { backoffDelay } from '@ambit/core/backoff';
import type { Clock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { apiServerOfKubeconfig, inClusterApiServer } from '@ambit/kube/api-server';
import { KubeClient } from '@ambit/kube/client';
import { uniform } from '@ambit/kube/random';
import { AuthorityInForce } from '../ca/authority-in-force.ts';
import { authorityNow, authorityOfSecrets } from '../ca/authority-secret.ts';
import { AuthorityWatch } from '../ca/authority-watch.ts';
import type { TokenVerifier } from '../ca/caller.ts';
import { readHandover } from '../ca/handover-secret.ts';
import { ReviewedTokens } from '../ca/token-review.ts';
import type { MeshSnapshot } from '../model/mesh-state.ts';
import { ReadyWaypoints } from '../model/ready-waypoints.ts';
import type { StatusPage } from '../serve/status-server.ts';
import { json } from '../serve/status-pages.ts';
import type { Configuration, ConfigurationSource } from '../watch/configuration.ts';
import { KubernetesObjects } from '../watch/kubernetes.ts';
import { ClusterWriters } from './cluster-writers.ts';
import type { Platform, PlatformParts } from './platform.ts';
import { RELEASE } from '../release.ts';

/** Between attempts to reach the API server at the start. */
const RETRY = { first: 500, longest: 10_000, jitter: 0.2 } as const;

/** Objects from the API server, tokens by its word, and everything that is kept in objects. */
export class ClusterPlatform implements Platform {
  readonly inCluster = true;
  readonly tokens: TokenVerifier;
  /** In memory alone: over a restart the addresses in the Gateways' status tell. */
  readonly readyWaypoints: ReadyWaypoints;
  readonly pages: ReadonlyMap<string, () => StatusPage>;
  readonly #parts: PlatformParts;
  readonly #client: KubeClient;
  readonly #writers: ClusterWriters;
  #objects: KubernetesObjects | undefined;
  #authority: AuthorityInForce | undefined;
  #watch: AuthorityWatch | undefined;
  #started = false;
  #closed = false;

  /** Throws `AMBIT_KUBE_CONFIG` when nothing says how to reach the API server. */
  constructor(parts: PlatformParts) {
    const { options, clock, log, counters } = parts;
    this.#parts = parts;
    const server =
      options.kubeconfig === '' ? inClusterApiServer(parts.environment) : apiServerOfKubeconfig(options.kubeconfig);
    this.#client = new KubeClient(server, { clock, userAgent: `istiod-lite/${RELEASE}` });
    this.tokens = new ReviewedTokens({ client: this.#client, clock, counters });
    this.readyWaypoints = new ReadyWaypoints('', log);
    this.#writers = new ClusterWriters({
      ...{ client: this.#client, options, clock, log, counters },
      object: (kind, name) => this.#objects?.object(kind, name),
      objects: (kind) => this.#objects?.objects(kind) ?? [],
    });
    this.pages = new Map([
      [
        '/debug/sync',
        () =>
          json({
            leading: this.leading,
            kinds: this.#objects?.states() ?? [],
            notHonoured: this.#writers.notHonouredStates(),
          }),
      ],
    ]);
  }

  get leading(): boolean {
    return this.#writers.leading;
  }

  get checksObjects(): boolean {
    return this.#writers.checksObjects;
  }

  get notHonoured(): readonly string[] {
    return this.#writers.notHonoured;
  }

  configuration(onChange: (configuration: Configuration) => void): ConfigurationSource {
    const { clock, log, counters } = this.#parts;
    const onObject = this.#writers.noticed;
    this.#objects = new KubernetesObjects({ client: this.#client, clock, log, counters, onChange, onObject });
    return this.#objects;
  }

  /** Waits for the API server as long as it takes. */
  async openAuthority(): Promise<AuthorityInForce> {
    const { options, clock, log, counters } = this.#parts;
    const { rootNamespace: namespace, trustDomain } = options;
    const lifetimes = { defaultTtl: options.defaultCertTtl, maxTtl: options.maxCertTtl };
    for (let failures = 1; ; failures++) {
      try {
        const parts = { client: this.#client, namespace, trustDomain, clock, log };
        let found = await authorityOfSecrets(parts);
        const handover = await readHandover({ client: this.#client, namespace, log });
        this.#authority = await AuthorityInForce.open(found.material, { lifetimes, clock, log }, handover);
        this.#watch = new AuthorityWatch({
          ...{ authority: this.#authority, clock, log, counters },
          read: async () => (found = await authorityNow(parts, found)),
        });
        return this.#authority;
      } catch (error) {
        if (this.#closed || !(error instanceof AmbitError && error.retryable)) throw error;
        const again = backoffDelay(RETRY, failures, uniform());
        log.warn({ code: error.code, reason: messageOf(error), again: Math.round(again) }, 'the CA is not read yet');
        await pause(clock, again);
      }
    }
  }

  /** From here on somebody may lead: everything that is written is known. */
  publishRoots(authority: AuthorityInForce): Promise<void> {
    if (this.#started) this.#writers.authorityChanged(authority);
    else this.#writers.start(authority);
    this.#started = true;
    return Promise.resolve();
  }

  act(snapshot: MeshSnapshot): void {
    this.#objects?.follow(snapshot.translation.named);
    this.#writers.act(snapshot);
  }

  async close(options: { deadline: number }): Promise<void> {
    this.#closed = true;
    this.#watch?.destroy();
    this.#authority?.destroy();
    await this.#writers.close(options);
    await this.#client.close(options);
  }

  destroy(error?: Error): void {
    this.#closed = true;
    this.#watch?.destroy();
    this.#authority?.destroy();
    this.#writers.destroy();
    this.#client.destroy(error);
  }
}

function pause(clock: Clock, milliseconds: number): Promise<void> {
  return new Promise((resume) => {
    clock.setTimeout(resume, milliseconds);
  });
}
