import type { CompiledDestination } from '@ambit/traffic/compiled-service';
import type { RequestFacts } from '@ambit/traffic/request/request-facts';
import type { CompiledSession, SessionToken } from '@ambit/traffic/session/compiled-session';
import type { LiveService } from './served-services.ts';
import type { UpstreamCluster } from './upstreams.ts';

/** The session that a request belongs to, or begins. */
export class RequestSession {
  /** Where its endpoint is; undefined: it has none yet, or none any more. */
  readonly destination: CompiledDestination | undefined;
  /** Of its endpoint. */
  readonly uid: string | undefined;
  readonly #session: CompiledSession;
  readonly #token: SessionToken | undefined;
  /** Wall time, seconds. */
  readonly #now: number;

  /** `now`: wall time, milliseconds. */
  constructor(session: CompiledSession, facts: RequestFacts, live: LiveService, now: number) {
    this.#session = session;
    this.#now = Math.floor(now / 1_000);
    this.#token = session.tokenOf(facts, this.#now);
    if (this.#token === undefined) return;
    for (const destination of session.destinations) {
      const cluster = destination.cluster === undefined ? undefined : live.clusters.get(destination.cluster);
      const tiers = cluster?.current()?.tiers;
      if (cluster === undefined || tiers === undefined) continue;
      const uid = session.uidOf(this.#token, cluster.compiled.name, tiers);
      if (uid === undefined) continue;
      this.destination = destination;
      this.uid = uid;
      return;
    }
  }

  /** Tells the client with the answer of an endpoint whose it is, unless it knows. */
  tell({ compiled }: UpstreamCluster, uid: string, head: string[]): void {
    const told = this.#session.fieldFor(this.#token, compiled.name, uid, this.#now);
    if (told !== undefined) head.push(told.name, told.value);
  }
}
