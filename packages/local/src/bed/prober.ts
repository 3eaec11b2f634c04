import type { Clock, Timer } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import type { Probe } from '@ambit/translation/objects';
import { FIRST_PROBES_MS } from './limits.ts';

/** Repeats one probe as kubelet does and tells when its verdict changes. */
export class Prober {
  readonly #probe: Probe;
  readonly #clock: Clock;
  readonly #attempt: () => Promise<void>;
  readonly #onVerdict: (passing: boolean, why: string) => void;
  #eager: boolean;
  #timer: Timer | undefined;
  #successes = 0;
  #failures = 0;
  #passing: boolean | undefined;
  #stopped = false;

  /**
   * `onVerdict(true)` after `successThreshold` successes in a row, `onVerdict(false)` after `failureThreshold` failures.
   * The first attempt comes one period after the probe's delay (kubelet's comes at random within it).
   * `eager`: it comes at once, and until one has passed they come more often and failures are not counted.
   */
  constructor(
    probe: Probe,
    options: { readonly clock: Clock; readonly eager: boolean },
    attempt: () => Promise<void>,
    onVerdict: (passing: boolean, why: string) => void,
  ) {
    this.#probe = probe;
    this.#clock = options.clock;
    this.#eager = options.eager;
    this.#attempt = attempt;
    this.#onVerdict = onVerdict;
    const period = (probe.periodSeconds ?? 10) * 1_000;
    this.#later((probe.initialDelaySeconds ?? 0) * 1_000 + (options.eager ? 0 : period));
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #later(milliseconds: number): void {
    // A verdict may have stopped this.
    if (this.#stopped) return;
    this.#timer = this.#clock.setTimeout(() => void this.#try(), milliseconds, { background: true });
  }

  async #try(): Promise<void> {
    let failure: string | undefined;
    try {
      await this.#attempt();
    } catch (error) {
      failure = messageOf(error);
    }
    if (this.#stopped) return;
    this.#count(failure);
    const period = (this.#probe.periodSeconds ?? 10) * 1_000;
    this.#later(this.#eager ? Math.min(period, FIRST_PROBES_MS) : period);
  }

  #count(failure: string | undefined): void {
    this.#successes = failure === undefined ? this.#successes + 1 : 0;
    this.#failures = failure === undefined ? 0 : this.#failures + 1;
    if (failure === undefined) {
      if (this.#passing !== true && this.#successes >= (this.#probe.successThreshold ?? 1)) this.#decide(true, '');
    } else if (!this.#eager && this.#passing !== false && this.#failures >= (this.#probe.failureThreshold ?? 3))
      this.#decide(false, failure);
  }

  #decide(passing: boolean, why: string): void {
    this.#passing = passing;
    this.#eager = false;
    this.#onVerdict(passing, why);
  }
}
