import { MIRROR_CLUSTER_BYTES, MIRRORS_PER_CLUSTER } from '../limits.ts';

/** What copies of requests may cost while they are under way to one cluster. One per cluster and data thread. */
export class MirrorBudget {
  #copies = 0;
  #bytes = 0;

  /** Takes a place for a copy; false when there is none. */
  begin(): boolean {
    if (this.#copies >= MIRRORS_PER_CLUSTER) return false;
    this.#copies += 1;
    return true;
  }

  end(): void {
    this.#copies -= 1;
  }

  /** A copy holds so many octets more, or less; false when all of them together hold too many. */
  hold(change: number): boolean {
    this.#bytes += change;
    return this.#bytes <= MIRROR_CLUSTER_BYTES;
  }
}
