import type { LocalAnswer } from '../local-answer.ts';
import type { ResponseFlags } from '../response-flag.ts';
import type { AttemptOutcome, AttemptProgress } from './attempt-outcome.ts';
import { backoffMs } from './backoff.ts';
import type { CompiledRetryPolicy } from './compiled-retry-policy.ts';
import { cutFor, failureAnswer, type GaveUp } from './failure.ts';
import type { RetryBudget } from './retry-budget.ts';

/** What to do after a try ended or began to answer. */
export type AttemptDecision =
  /** Send the request again after `delayMs`; endpoints in `tried` are avoided. */
  | { readonly kind: 'retry'; readonly delayMs: number }
  /** The response goes to the client. `URX`, `UO`: it would have been tried again but for a limit. */
  | { readonly kind: 'pass'; readonly flags: ResponseFlags }
  | { readonly kind: 'answer'; readonly answer: LocalAnswer }
  /** The client has the head already: its stream is reset. */
  | { readonly kind: 'cut'; readonly flags: ResponseFlags; readonly details: string };

/**
 * `choosing`: an endpoint is sought. `trying`: an endpoint has the request. `waiting`: for the delay before the next try.
 * `decided`: a response is passed on or the waypoint answers. `over`: `end` was called.
 */
export type AttemptsState = 'choosing' | 'decided' | 'over' | 'trying' | 'waiting';

const NONE_TRIED: readonly string[] = [];

const PASS: AttemptDecision = { kind: 'pass', flags: '-' };
const PASS_EXHAUSTED: AttemptDecision = { kind: 'pass', flags: 'URX' };
const PASS_OVER_BUDGET: AttemptDecision = { kind: 'pass', flags: 'UO' };

/**
 * The tries of one request. `begin` when an endpoint was chosen, `next` with what became of it, `end` once at the very end
 * whatever happened. Counts as one request in the budget from its making to `end`.
 */
export class Attempts {
  readonly #policy: CompiledRetryPolicy | undefined;
  readonly #budget: RetryBudget;
  readonly #random: () => number;
  #state: AttemptsState = 'choosing';
  #endpoint = '';
  #begun = 0;
  #tried: string[] | undefined;
  #holdsRetry = false;

  /** `policy` undefined: nothing is tried again. `random` gives numbers from 0 to below 1. */
  constructor(policy: CompiledRetryPolicy | undefined, budget: RetryBudget, random: () => number) {
    this.#policy = policy;
    this.#budget = budget;
    this.#random = random;
    budget.requestBegan();
  }

  get state(): AttemptsState {
    return this.#state;
  }

  /** Tries begun, the running one included. */
  get begun(): number {
    return this.#begun;
  }

  /** How many of the best ranks of endpoints are passed over now. */
  get passedRanks(): number {
    return this.#policy?.remoteLocalities === true ? this.#begun >> 1 : 0;
  }

  /** Uids of endpoints that failed this request and are to be avoided; empty when the policy does not mind. */
  get tried(): readonly string[] {
    return this.#tried ?? NONE_TRIED;
  }

  /** The next try goes to the workload `uid`. */
  begin(uid: string): void {
    if (this.#state !== 'choosing' && this.#state !== 'waiting') {
      throw new RangeError(`a try cannot begin while the request is ${this.#state}`);
    }
    this.#state = 'trying';
    this.#endpoint = uid;
    this.#begun++;
  }

  /** Takes the end of a try, the head of its response, or the failure to begin one, and says what is to be done. */
  next(outcome: AttemptOutcome, progress: AttemptProgress): AttemptDecision {
    if (this.#state === 'over') throw new RangeError('the request is over');
    const policy = this.#policy;
    const failed = policy?.covers(outcome) === true;
    this.#giveBackRetry(failed);
    if (!failed || progress.responseBegun || !maySendAgain(progress)) {
      return this.#decide(outcome, progress, undefined);
    }
    if (this.#begun > policy.retries) return this.#decide(outcome, progress, 'exhausted');
    if (!this.#budget.take()) return this.#decide(outcome, progress, 'over-budget');
    this.#holdsRetry = true;
    this.#state = 'waiting';
    if (!policy.ignorePreviousEndpoints) {
      this.#tried ??= [];
      this.#tried.push(this.#endpoint);
    }
    return { kind: 'retry', delayMs: backoffMs(policy.backoffBaseMs, this.#begun, this.#random()) };
  }

  /** The request is over: answered, cut, or given up by the client. Calling it again does nothing. */
  end(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#giveBackRetry(true);
    this.#budget.requestEnded();
  }

  #decide(outcome: AttemptOutcome, progress: AttemptProgress, gaveUp: GaveUp | undefined): AttemptDecision {
    this.#state = 'decided';
    if (outcome.kind === 'response') {
      if (gaveUp === undefined) return PASS;
      return gaveUp === 'exhausted' ? PASS_EXHAUSTED : PASS_OVER_BUDGET;
    }
    if (progress.responseBegun) return cutFor(outcome);
    return { kind: 'answer', answer: failureAnswer(outcome, gaveUp) };
  }

  #giveBackRetry(inVain: boolean): void {
    if (!this.#holdsRetry) return;
    this.#holdsRetry = false;
    this.#budget.giveBack(inVain);
  }
}

/**
 * A body that an endpoint has in part is never sent again, not even if the rest were at hand: it may have been acted on.
 * One that it has wholly may be, when all of it is held.
 */
function maySendAgain({ bodyBytesSent, bodyComplete, replayable }: AttemptProgress): boolean {
  return replayable && (bodyBytesSent === 0 || bodyComplete);
}
