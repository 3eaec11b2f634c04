/** A share of the budget, granted or waited for. */
export interface Claim {
  /** Resolves when the share is there; never when it was released before. */
  readonly granted: Promise<void>;
  /** Gives the share back, or stops waiting for it. May be called again. */
  release(): void;
}

interface Waiting {
  readonly bytes: number;
  readonly grant: () => void;
}

/**
 * Bounds what is being written at once for all clients together, in the order of asking. A claim larger than the whole
 * budget is granted when nothing else is under way.
 */
export class SendBudget {
  readonly #limit: number;
  readonly #waiting = new Set<Waiting>();
  #used = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  claim(bytes: number): Claim {
    let state: 'waiting' | 'granted' | 'released' = 'waiting';
    let resolve: () => void = () => undefined;
    const granted = new Promise<void>((settle) => {
      resolve = settle;
    });
    const entry: Waiting = {
      bytes,
      grant: () => {
        state = 'granted';
        resolve();
      },
    };
    this.#waiting.add(entry);
    this.#grantWhatFits();
    return {
      granted,
      release: () => {
        if (state === 'granted') this.#used -= bytes;
        state = 'released';
        this.#waiting.delete(entry);
        this.#grantWhatFits();
      },
    };
  }

  #grantWhatFits(): void {
    for (const entry of this.#waiting) {
      if (this.#used > 0 && this.#used + entry.bytes > this.#limit) return;
      this.#waiting.delete(entry);
      this.#used += entry.bytes;
      entry.grant();
    }
  }
}
