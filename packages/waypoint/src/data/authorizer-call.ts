import type { AmbitError } from '@ambit/core/errors';
import type { ClientExchange } from '@ambit/http/exchange';
import type { FieldList } from '@ambit/http/h2/message-fields';
import type { Reactor } from '@ambit/reactor/reactor';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import type { AuthorizerAnswer, CompiledAuthorizer, Question } from '@ambit/traffic/authorizer/compiled-authorizer';
import { MAX_CHECK_ANSWER_BYTES } from '@ambit/traffic/limits';
import { type AttemptOutcome, REQUEST_TIMED_OUT } from '@ambit/traffic/retry/attempt-outcome';
import { AUTHORIZER_TRIES } from '../limits.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import type { DiallingClient } from './transport-choice.ts';
import { TryVerdict } from './try-verdict.ts';
import { type UpstreamVersion, upstreamVersion } from './upstream-endpoint.ts';
import type { ChosenEndpoint, UpstreamCluster } from './upstreams.ts';

/** Why there is no answer. */
export interface CallFailure {
  readonly result: 'error' | 'timeout';
  /** For people. */
  readonly reason: string;
}

/** One question to an authorizer, put to another of its endpoints when the first cannot be reached. */
export class AuthorizerCall implements AttemptOwner {
  readonly #cluster: UpstreamCluster;
  readonly #client: DiallingClient;
  readonly #question: Question;
  readonly #version: UpstreamVersion;
  readonly #verdict: TryVerdict;
  readonly #timer: ReactorTimer;
  readonly #tried: string[] = [];
  #done: ((answer: AuthorizerAnswer | CallFailure) => void) | undefined;
  #attempt: Attempt | undefined;
  #sent = 0;
  #head: FieldList = [];
  #body: Buffer[] = [];
  #bytes = 0;

  /** `done` is called once, maybe from within `begin`, unless `cancel` came first. */
  constructor(
    reactor: Reactor,
    { model, version }: CompiledAuthorizer,
    cluster: UpstreamCluster,
    client: DiallingClient,
    question: Question,
    done: (answer: AuthorizerAnswer | CallFailure) => void,
  ) {
    this.#cluster = cluster;
    this.#client = client;
    this.#question = question;
    this.#version = upstreamVersion(cluster.compiled, version, false);
    this.#verdict = new TryVerdict(cluster);
    this.#done = done;
    this.#timer = reactor.after(model.timeoutMs, () => {
      this.#verdict.unanswered(REQUEST_TIMED_OUT, undefined);
      this.#fail('timeout', `no answer within ${model.timeoutMs} ms`);
    });
  }

  begin(): void {
    const chosen = this.#cluster.choose(this.#tried, this.#client, this.#question.head);
    if (chosen === 'unknown' || chosen === undefined || this.#tried.includes(chosen.slot.uid)) {
      const why = this.#cluster.whyNone();
      this.#fail('error', `${this.#cluster.compiled.name} has no endpoint${why === undefined ? '' : `: ${why}`}`);
      return;
    }
    if (!this.#verdict.admitted()) {
      this.#cluster.refused('AMBIT_CIRCUIT_OPEN');
      this.#fail('error', `too many requests to ${this.#cluster.compiled.name} fail`);
      return;
    }
    this.#tried.push(chosen.slot.uid);
    this.#try(chosen, false);
  }

  /** Nobody wants the answer any more. Idempotent. */
  cancel(): void {
    if (this.#done === undefined) return;
    this.#done = undefined;
    this.#timer.cancel();
    this.#attempt?.abandon();
  }

  // From the try at an endpoint.

  head(): FieldList {
    return this.#question.head;
  }

  get headOnly(): boolean {
    return this.#question.body.length === 0;
  }

  get upgrade(): false {
    return false;
  }

  onSent(exchange: ClientExchange): void {
    this.onAttemptWritable(exchange);
  }

  onAttemptWritable(exchange: ClientExchange): void {
    const { body } = this.#question;
    if (this.#sent < body.length) this.#sent += exchange.sendData(body, this.#sent, body.length, true);
  }

  onInterim(): void {
    // It says nothing of the request.
  }

  onHead(fields: FieldList, endStream: boolean): void {
    this.#head = fields;
    const chosen = this.#attempt?.chosen;
    if (chosen !== undefined) this.#cluster.reached(chosen);
    this.#verdict.answered(Number(fields[1]), -1);
    if (endStream) this.#answered([]);
  }

  onContent(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.#attempt?.exchange?.release(end - start);
    this.#bytes += end - start;
    if (this.#bytes > MAX_CHECK_ANSWER_BYTES) {
      this.#fail('error', `its answer has more than ${MAX_CHECK_ANSWER_BYTES} octets`);
      return;
    }
    if (end > start) this.#body.push(Buffer.from(bytes.subarray(start, end)));
    if (endStream) this.#answered([]);
  }

  onResponseTrailers(fields: FieldList): void {
    this.#answered(fields);
  }

  onFailed(outcome: AttemptOutcome, error: AmbitError | undefined, stale: boolean): void {
    const chosen = this.#attempt?.chosen;
    if (this.#done === undefined || chosen === undefined) return;
    // A question changes nothing: what closed an idle connection just then, or was never reached, is asked again.
    if (stale) {
      this.#try(chosen, true);
      return;
    }
    this.#verdict.unanswered(outcome, error);
    if (outcome.kind === 'overflow') this.#cluster.refused(outcome.reason);
    if (outcome.kind === 'connect-failed' && this.#tried.length < AUTHORIZER_TRIES) this.begin();
    else this.#fail('error', error?.message ?? outcome.kind);
  }

  #try(chosen: ChosenEndpoint, fresh: boolean): void {
    this.#sent = 0;
    this.#head = [];
    this.#body = [];
    this.#bytes = 0;
    this.#attempt = new Attempt(this, chosen, this.#version);
    this.#verdict.begin(chosen);
    this.#attempt.begin(fresh, this.#cluster.compiled.model.connectTimeoutMs);
  }

  #answered(trailers: FieldList): void {
    const done = this.#done;
    if (done === undefined) return;
    this.#done = undefined;
    this.#timer.cancel();
    this.#attempt?.complete();
    done({ head: this.#head, body: Buffer.concat(this.#body), trailers });
  }

  #fail(result: CallFailure['result'], reason: string): void {
    const done = this.#done;
    if (done === undefined) return;
    this.cancel();
    done({ result, reason });
  }
}
