import { backoffDelay } from '@ambit/core/backoff';
import { messageOf } from '@ambit/core/errors';
import type { ApiServer } from './api-server.ts';
import type { KubeError } from './kube-error.ts';
import { REQUEST_ATTEMPTS, RETRY_AFTER_MAX_MS, RETRY_FIRST_MS, UNAUTHORIZED_RETRY_MS } from './limits.ts';
import type { Pause } from './pause.ts';
import { errorOfAnswer, unreachable, unusableAnswer } from './status-error.ts';
import { type Answer, type Call, NoAnswer, type Transport } from './transport.ts';

export interface RepeatOptions {
  /** What is asked, for messages. */
  readonly action: string;
  /** False when a second time would do something else than the first. */
  readonly repeatable: boolean;
  /** Milliseconds for one attempt. */
  readonly timeout: number;
  readonly attempts: number | undefined;
  readonly maxBytes: number;
}

/** One attempt that failed, and what speaks for another. */
interface Failure {
  readonly error: KubeError;
  /** Milliseconds until the next attempt may come; undefined: repeating is no use, or not safe. */
  readonly again: number | undefined;
}

/** Sends requests, and sends again what may be sent again. */
export class RepeatedRequest {
  readonly #server: ApiServer;
  readonly #transport: Transport;
  readonly #pause: Pause;
  readonly #random: () => number;
  readonly #signal: AbortSignal;

  constructor(options: {
    server: ApiServer;
    transport: Transport;
    pause: Pause;
    random: () => number;
    signal: AbortSignal;
  }) {
    this.#server = options.server;
    this.#transport = options.transport;
    this.#pause = options.pause;
    this.#random = options.random;
    this.#signal = options.signal;
  }

  /** Resolves with the body of an answer of 200 to 299. Rejects with the `KubeError` of the last attempt. */
  async send(call: Omit<Call, 'token'>, options: RepeatOptions): Promise<Buffer> {
    const attempts = options.attempts ?? REQUEST_ATTEMPTS;
    let unauthorized = false;
    for (let attempt = 1; ; attempt += 1) {
      const token = this.#server.token?.();
      const result = await this.#attempt({ ...call, token }, options, attempt);
      if (Buffer.isBuffer(result)) return result;
      let { again } = result;
      if (result.error.status === 401 && token !== undefined && !unauthorized) {
        // The token has expired, and kubelet has written a new one or is about to; or the API server has just started.
        unauthorized = true;
        again = this.#server.token?.() === token ? UNAUTHORIZED_RETRY_MS : 0;
      }
      if (again === undefined || attempt >= attempts || this.#signal.aborted) throw result.error;
      await this.#pause.wait(again);
    }
  }

  async #attempt(call: Call, options: RepeatOptions, attempt: number): Promise<Buffer | Failure> {
    const { action, repeatable, timeout, maxBytes } = options;
    const pause = backoffDelay(
      { first: RETRY_FIRST_MS, longest: RETRY_AFTER_MAX_MS, jitter: 0.2 },
      attempt,
      this.#random(),
    );
    try {
      const answer = await this.#transport.exchange(call, { timeout, maxBytes, signal: this.#signal });
      if (answer.status >= 200 && answer.status < 300) return answer.body;
      const error = errorOfAnswer(action, answer.status, answer.body);
      return { error, again: againAfter(answer, error, repeatable) };
    } catch (thrown) {
      // What is thrown before anything was sent, for roots that cannot be parsed or a token that fits in no header.
      const failure =
        thrown instanceof NoAnswer ? thrown : new NoAnswer('ConnectionFailed', messageOf(thrown), false, thrown);
      const { reason, message, delivered } = failure;
      if (reason === 'ResponseTooLarge') {
        return { error: unusableAnswer(action, reason, message), again: undefined };
      }
      return {
        error: unreachable(action, reason, message, failure),
        again: repeatable || !delivered ? pause : undefined,
      };
    }
  }
}

/** A 429 was not looked at; a 5xx may have had an effect. Without `Retry-After` the API server does not ask for another attempt. */
function againAfter({ status, retryAfter }: Answer, { details }: KubeError, repeatable: boolean): number | undefined {
  const wait = retryAfter ?? (details.retryAfterSeconds === undefined ? undefined : details.retryAfterSeconds * 1_000);
  if (wait === undefined || wait > RETRY_AFTER_MAX_MS) return undefined;
  return status === 429 || (status >= 500 && repeatable) ? wait : undefined;
}
