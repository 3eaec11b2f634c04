import { formatSpiffeId, type SpiffeId } from '@ambit/core/spiffe';

/** How many pods of this node, starting, served or leaving, need each identity. */
export class IdentityUsers {
  readonly #counts = new Map<string, number>();

  add(identity: SpiffeId): void {
    const key = formatSpiffeId(identity);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** True when that was the last one. */
  remove(identity: SpiffeId): boolean {
    const key = formatSpiffeId(identity);
    const left = (this.#counts.get(key) ?? 1) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
    return left <= 0;
  }

  has(identity: SpiffeId): boolean {
    return this.#counts.has(formatSpiffeId(identity));
  }
}
