import type { Reactor } from '@ambit/reactor/reactor';
import { MAX_HANDSHAKES, MAX_HANDSHAKES_PER_SOURCE } from './limits.ts';

/** Inbound handshakes under way on one loop, altogether and by source, so that half-open ones cannot fill the process. */
export class HandshakeGate {
  static readonly #gates: WeakMap<Reactor, HandshakeGate> = new WeakMap();
  readonly #bySource: Map<string, number> = new Map();
  #total = 0;

  /** The loop's gate; all servers of the loop share it. */
  static of(reactor: Reactor): HandshakeGate {
    let gate = HandshakeGate.#gates.get(reactor);
    if (gate === undefined) {
      gate = new HandshakeGate();
      HandshakeGate.#gates.set(reactor, gate);
    }
    return gate;
  }

  get total(): number {
    return this.#total;
  }

  /** False when there are too many already. Every true is followed by one `leave`. */
  enter(source: string): boolean {
    const count = this.#bySource.get(source) ?? 0;
    if (this.#total >= MAX_HANDSHAKES || count >= MAX_HANDSHAKES_PER_SOURCE) return false;
    this.#total += 1;
    this.#bySource.set(source, count + 1);
    return true;
  }

  leave(source: string): void {
    const count = this.#bySource.get(source) ?? 0;
    this.#total -= 1;
    if (count > 1) this.#bySource.set(source, count - 1);
    else this.#bySource.delete(source);
  }
}
