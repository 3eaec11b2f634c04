import type { SourceMatch } from '../model/served-service.ts';

/** Who a client has proven to be. */
export interface TrafficSource {
  /** Of its identity. */
  readonly namespace: string;
  /** uid of the workload that has its address and exactly its identity; undefined when the mesh knows none. */
  readonly workloadUid: string | undefined;
}

/** The conditions of a match on the client, made ready. */
export class SourceMatcher {
  readonly #namespace: string;
  readonly #workloadUids: ReadonlySet<string> | undefined;

  constructor({ namespace, workloadUids }: SourceMatch) {
    this.#namespace = namespace;
    this.#workloadUids = workloadUids === null ? undefined : new Set(workloadUids);
  }

  /** `source` undefined: the client has proven nothing, and matches nothing. */
  matches(source: TrafficSource | undefined): boolean {
    if (source === undefined) return false;
    if (this.#namespace.length > 0 && source.namespace !== this.#namespace) return false;
    if (this.#workloadUids === undefined) return true;
    return source.workloadUid !== undefined && this.#workloadUids.has(source.workloadUid);
  }
}
