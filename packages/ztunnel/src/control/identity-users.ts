import { formatSpiffeId, type SpiffeId } from '@ambit/core/spiffe';

/** How many pods of this node, starting, served or leaving, need each identity. */
export class IdentityUsers {
  readonly #counts = new Map<string, number>();
  /** Identities that had pods, have none, and have not been forgotten yet. */
  readonly #left = new Set<string>();

  get size(): number {
    return this.#counts.size;
  }

  /** True when it had lost its last pod a moment ago. */
  add(identity: SpiffeId): boolean {
    const key = formatSpiffeId(identity);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    return this.#left.delete(key);
  }

  /** True when that was the last one. */
  remove(identity: SpiffeId): boolean {
    const key = formatSpiffeId(identity);
    const left = (this.#counts.get(key) ?? 1) - 1;
    if (left > 0) this.#counts.set(key, left);
    else {
      this.#counts.delete(key);
      this.#left.add(key);
    }
    return left <= 0;
  }

  has(identity: SpiffeId): boolean {
    return this.#counts.has(formatSpiffeId(identity));
  }

  /** Whether it had pods and has none any more. */
  hasLeft(identity: SpiffeId): boolean {
    return this.#left.has(formatSpiffeId(identity));
  }

  /** True unless it is in use again: then nothing is known of it any more. */
  forget(identity: SpiffeId): boolean {
    if (this.has(identity)) return false;
    this.#left.delete(formatSpiffeId(identity));
    return true;
  }
}
