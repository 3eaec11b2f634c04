import { CHECKED_BODIES_BYTES, CHECKS_UNDER_WAY } from '../limits.ts';

/** What requests may cost that wait for external authorizers. One per data thread. */
export class CheckBudget {
  #checks = 0;
  #bytes = 0;

  /** Takes a place for a check with so many octets of content; false when there is none. */
  begin(bytes: number): boolean {
    if (this.#checks >= CHECKS_UNDER_WAY || this.#bytes + bytes > CHECKED_BODIES_BYTES) return false;
    this.#checks += 1;
    this.#bytes += bytes;
    return true;
  }

  end(bytes: number): void {
    this.#checks -= 1;
    this.#bytes -= bytes;
  }
}
