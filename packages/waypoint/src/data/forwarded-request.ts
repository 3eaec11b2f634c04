import { AmbitError } from '@ambit/core/errors';
import type { ClientExchange, ServerExchange } from '@ambit/http/exchange';
import { type FieldList, fieldValue } from '@ambit/http/h2/message-fields';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import type { CompiledAction } from '@ambit/traffic/compiled-service';
import { Deadline } from '@ambit/traffic/deadline';
import {
  CLUSTER_NOT_FOUND,
  type LocalAnswer,
  NO_HEALTHY_UPSTREAM,
  UPGRADE_NOT_ACCEPTED,
} from '@ambit/traffic/local-answer';
import { isIdempotent } from '@ambit/traffic/request/idempotent-method';
import type { Hash64 } from '@ambit/traffic/load-balancing/consistent-hash/hash64';
import type { RequestFacts } from '@ambit/traffic/request/request-facts';
import {
  ALL_EJECTED,
  type AttemptOutcome,
  type AttemptProgress,
  CIRCUIT_OPEN,
  NO_ENDPOINT,
  PER_TRY_TIMED_OUT,
  REQUEST_TIMED_OUT,
} from '@ambit/traffic/retry/attempt-outcome';
import { type AttemptDecision, Attempts } from '@ambit/traffic/retry/attempts';
import { failureAnswer } from '@ambit/traffic/retry/failure';
import { Attempt, type AttemptOwner } from './attempt.ts';
import type { ClientAnswer } from './client-answer.ts';
import type { DataThreadContext } from './context.ts';
import type { Forwarder } from './forwarder.ts';
import type { MessageBody } from './message-body.ts';
import { interimHead, responseHead } from './message-heads.ts';
import type { RequestRecord } from './request-record.ts';
import type { UpgradeHandshake } from './upgrade-handshake.ts';
import type { RequestSession } from './request-session.ts';
import type { ServedClient } from './served-connection.ts';
import type { TracedTry } from './traced-try.ts';
import { TryVerdict } from './try-verdict.ts';
import { type UpstreamVersion, upstreamVersion } from './upstream-endpoint.ts';
import type { ChosenEndpoint, UpstreamCluster } from './upstreams.ts';

export interface ForwardedParts {
  readonly thread: DataThreadContext;
  readonly record: RequestRecord;
  readonly toClient: ClientAnswer;
  /** With the client. */
  readonly exchange: ServerExchange;
  /** Undefined: the head is all. */
  readonly body: MessageBody | undefined;
  /** The client asks for another protocol: its content is what it says in that. */
  readonly upgrade: UpgradeHandshake | undefined;
  readonly facts: RequestFacts;
  /** As endpoints get it. */
  readonly head: FieldList;
  readonly action: Extract<CompiledAction, { kind: 'forward' }>;
  readonly cluster: UpstreamCluster;
  readonly client: ServedClient;
  /** Undefined: its route has none. */
  readonly session: RequestSession | undefined;
}

/** A request on its way: tried at one endpoint after another as its route allows, until one answers. */
export class ForwardedRequest implements AttemptOwner, AttemptProgress {
  readonly #forwarder: Forwarder;
  readonly #parts: ForwardedParts;
  readonly #attempts: Attempts;
  readonly #deadline: Deadline;
  /** The hash of its key, when its cluster wants one, or the endpoint of its session; the same for all tries. */
  readonly #belongs: Hash64 | string | undefined;
  #attempt: Attempt | undefined;
  /** Of the try, when its span is wanted. */
  #traced: TracedTry | undefined;
  #deadlineTimer: ReactorTimer | undefined;
  #tryTimer: ReactorTimer | undefined;
  #switched = false;
  #answered = false;
  #freshTried = false;
  readonly #verdict: TryVerdict;
  #over = false;

  constructor(forwarder: Forwarder, parts: ForwardedParts) {
    const { action, cluster, thread, facts, client, toClient } = parts;
    this.#forwarder = forwarder;
    this.#parts = parts;
    this.#attempts = new Attempts(action.retry, cluster.state.budget, thread.choice.random);
    this.#deadline = Deadline.of(facts, action.timeoutMs, thread.reactor.now);
    this.#verdict = new TryVerdict(cluster);
    const hashed = cluster.compiled.hash?.ofRequest(facts, client.address.ip, thread.choice.random);
    this.#belongs = parts.session?.uid ?? hashed?.hash;
    if (hashed?.setCookie !== undefined) toClient.sets(hashed.setCookie);
  }

  /** Begins the first try; may call the forwarder from within. */
  begin(): void {
    if (this.upgrade || this.#parts.body?.ended !== false)
      this.#deadline.requestReceived(this.#parts.thread.reactor.now);
    this.#armDeadline();
    this.#try();
  }

  /** With the endpoint that is tried; undefined until it has the head. */
  get exchange(): ClientExchange | undefined {
    return this.#attempt?.exchange;
  }

  /** The client has sent all of the request. */
  requestReceived(): void {
    if (this.#over) return;
    if (this.#switched) {
      this.#endSwitched();
      return;
    }
    this.#deadline.requestReceived(this.#parts.thread.reactor.now);
    this.#armDeadline();
  }

  /** The client has all that the endpoint had to say. */
  answered(): void {
    this.#answered = true;
    if (this.#switched) this.#endSwitched();
    else this.#forwarder.finish();
  }

  /** Nobody wants the answer any more. */
  abandon(): void {
    this.#attempt?.abandon();
  }

  /** The client has the answer. */
  complete(): void {
    this.#attempt?.complete();
  }

  /** Nothing is called any more. Idempotent. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#traced?.end(this.#answered ? undefined : 'the request ended before the answer');
    this.#deadlineTimer?.cancel();
    this.#tryTimer?.cancel();
    this.#attempts.end();
  }

  // What the attempts want to know of progress.

  get bodyBytesSent(): number {
    return this.#parts.body?.sent ?? 0;
  }

  get bodyComplete(): boolean {
    return this.#parts.body?.complete ?? true;
  }

  get replayable(): boolean {
    return this.#parts.body?.replayable ?? true;
  }

  get responseBegun(): boolean {
    return this.#parts.toClient.begun;
  }

  // From the try at an endpoint.

  head(version: UpstreamVersion): FieldList {
    const head = this.#parts.upgrade?.headFor(version) ?? this.#parts.head;
    return this.#traced?.head(head) ?? head;
  }

  get headOnly(): boolean {
    return this.#parts.body === undefined;
  }

  get upgrade(): boolean {
    return this.#parts.upgrade !== undefined;
  }

  /** Another protocol is spoken: either side ends for itself. */
  get switched(): boolean {
    return this.#switched;
  }

  onSent(exchange: ClientExchange): void {
    this.#parts.record.connected();
    this.#parts.body?.pump(exchange);
  }

  onAttemptWritable(exchange: ClientExchange): void {
    this.#parts.body?.pump(exchange);
    if (this.#switched) this.#endSwitched();
  }

  onInterim(fields: FieldList): void {
    try {
      this.#parts.exchange.inform(interimHead(fields));
    } catch (thrown) {
      // Whoever cannot be told in the meantime is told in the end.
      if (!(thrown instanceof AmbitError)) throw thrown;
    }
  }

  onHead(fields: FieldList, endStream: boolean): void {
    const { thread, toClient, cluster, record } = this.#parts;
    const status = Number(fields[1]);
    this.#traced?.responded(status);
    const grpcStatus = toClient.grpcStatus(fields);
    const rateLimited =
      this.#parts.action.retry !== undefined && fieldValue(fields, 'x-envoy-ratelimited') !== undefined;
    const decision = this.#attempts.next({ kind: 'response', status, grpcStatus, rateLimited }, this);
    if (this.#attempt !== undefined) cluster.reached(this.#attempt.chosen);
    // A call of gRPC tells in its trailers how it went, unless there is nothing else.
    if (!toClient.grpc || endStream || status !== 200) this.#verdict.answered(status, grpcStatus);
    if (decision.kind === 'retry') {
      this.#traced?.end();
      this.#attempt?.abandon();
      this.#apply(decision);
      return;
    }
    this.#tryTimer?.cancel();
    if (decision.kind === 'pass' && decision.flags === 'UO') cluster.refused('AMBIT_RETRY_BUDGET');
    const head = responseHead(fields, thread.reactor.now - record.startedAt);
    const { session } = this.#parts;
    if (session !== undefined && this.#attempt !== undefined)
      session.tell(cluster, this.#attempt.chosen.slot.uid, head);
    if (status === 101 && this.#parts.upgrade?.agreed(head) === false) {
      this.#replace(failureAnswer(INVALID_RESPONSE, undefined));
      return;
    }
    try {
      toClient.head(head, endStream, decision.kind === 'pass' ? decision.flags : '-');
    } catch (thrown) {
      if (!(thrown instanceof AmbitError)) throw thrown;
      // In HTTP/2 a success would say that the protocol is the other one from here on.
      if (this.#parts.exchange.upgrade !== undefined && status < 300) this.#replace(UPGRADE_NOT_ACCEPTED);
      else this.#replace(failureAnswer(INVALID_RESPONSE, undefined));
      return;
    }
    if (status === 101) {
      this.#switched = true;
      this.#deadlineTimer?.cancel();
      this.#forwarder.onSwitched();
    }
    // It will not be sent again.
    this.#parts.body?.commit();
    if (endStream) this.answered();
  }

  onContent(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const exchange = this.#attempt?.exchange;
    if (exchange === undefined) return;
    if (this.#parts.toClient.content(exchange, bytes, start, end, endStream)) this.answered();
  }

  onResponseTrailers(fields: FieldList): void {
    const { toClient } = this.#parts;
    if (toClient.grpc) this.#verdict.answered(200, toClient.grpcStatus(fields));
    if (toClient.trailers(fields)) this.answered();
  }

  onFailed(outcome: AttemptOutcome, error: AmbitError | undefined, stale: boolean): void {
    const attempt = this.#attempt;
    if (attempt === undefined || this.#over) return;
    this.#parts.record.tryFailed(error);
    this.#traced?.end(error?.message ?? outcome.kind);
    if (stale && this.#mayRepeatUnseen()) {
      // The endpoint closed an idle connection just when the request went out on it.
      this.#freshTried = true;
      this.#parts.body?.rewind();
      this.#begin(attempt.chosen, true);
      return;
    }
    this.#verdict.unanswered(outcome, error);
    this.#failed(outcome);
  }

  #try(): void {
    const attempts = this.#attempts;
    const { cluster, client, head } = this.#parts;
    const chosen = cluster.choose(attempts.tried, client, head, attempts.passedRanks, this.#belongs);
    if (chosen === 'unknown') {
      this.#forwarder.answer(CLUSTER_NOT_FOUND);
      return;
    }
    if (chosen === undefined) {
      this.#noEndpoint();
      return;
    }
    if (!this.#verdict.admitted()) {
      this.#parts.record.refusedBy('AMBIT_CIRCUIT_OPEN');
      this.#failed(CIRCUIT_OPEN);
      return;
    }
    if (attempts.begun > 0) this.#parts.body?.rewind();
    attempts.begin(chosen.slot.uid);
    this.#parts.record.tried(chosen);
    this.#begin(chosen, false);
  }

  #begin(chosen: ChosenEndpoint, fresh: boolean): void {
    const { thread, cluster, action, exchange } = this.#parts;
    this.#traced = this.#parts.record.beginTry();
    const attempt = new Attempt(this, chosen, upstreamVersion(cluster.compiled, exchange.version, this.upgrade));
    this.#attempt = attempt;
    this.#verdict.begin(chosen);
    const perTryMs = action.retry?.perTryTimeoutMs ?? 0;
    if (perTryMs > 0) {
      this.#tryTimer?.cancel();
      this.#tryTimer = thread.reactor.after(perTryMs, () => {
        this.#verdict.unanswered(PER_TRY_TIMED_OUT, undefined);
        this.#attempt?.abandon();
        this.#traced?.end('the try took too long');
        this.#failed(PER_TRY_TIMED_OUT);
      });
    }
    attempt.begin(fresh, cluster.compiled.model.connectTimeoutMs);
  }

  /** What the endpoint says is of no use to the client, which gets this instead. */
  #replace(answer: LocalAnswer): void {
    this.#attempt?.abandon();
    this.#forwarder.answer(answer);
  }

  /** Over when both sides are. */
  #endSwitched(): void {
    if (this.#answered && this.#parts.body?.complete === true) this.#forwarder.finish();
  }

  #noEndpoint(): void {
    const { cluster, record } = this.#parts;
    if (cluster.allOut) {
      record.refusedBy('AMBIT_ENDPOINTS_EJECTED');
      this.#failed(ALL_EJECTED);
    } else {
      this.#failed(NO_ENDPOINT);
    }
  }

  #failed(outcome: AttemptOutcome): void {
    if (outcome.kind === 'overflow') this.#parts.cluster.refused(outcome.reason);
    this.#apply(this.#attempts.next(outcome, this));
  }

  #apply(decision: AttemptDecision): void {
    this.#tryTimer?.cancel();
    switch (decision.kind) {
      case 'retry':
        this.#attempt = undefined;
        this.#verdict.over();
        if (decision.delayMs < 1) this.#try();
        else
          this.#tryTimer = this.#parts.thread.reactor.after(decision.delayMs, () => {
            this.#try();
          });
        return;
      case 'answer':
        if (decision.answer.flags.endsWith(',UO')) this.#parts.cluster.refused('AMBIT_RETRY_BUDGET');
        this.#forwarder.answer(this.#explained(decision.answer));
        return;
      case 'cut':
        this.#forwarder.cut(decision.flags, decision.details);
        return;
      case 'pass':
    }
  }

  /** With why there is no endpoint, if somebody knows; for the access log. */
  #explained(answer: LocalAnswer): LocalAnswer {
    const why = answer === NO_HEALTHY_UPSTREAM ? this.#parts.cluster.whyNone() : undefined;
    return why === undefined ? answer : { ...answer, details: `${answer.details}{${why.replaceAll(' ', '_')}}` };
  }

  #armDeadline(): void {
    const { at } = this.#deadline;
    if (at === Number.POSITIVE_INFINITY) return;
    const { reactor } = this.#parts.thread;
    this.#deadlineTimer?.cancel();
    this.#deadlineTimer = reactor.after(Math.max(at - reactor.now, 0), () => {
      this.#verdict.unanswered(REQUEST_TIMED_OUT, undefined);
      this.#attempt?.abandon();
      this.#traced?.end('the request took too long');
      this.#failed(REQUEST_TIMED_OUT);
    });
  }

  /** RFC 9110 9.2.2: a client may repeat an idempotent request by itself when the connection went away under it. */
  #mayRepeatUnseen(): boolean {
    if (this.#freshTried || this.responseBegun || !this.replayable) return false;
    return (this.bodyBytesSent === 0 || this.bodyComplete) && isIdempotent(this.#parts.facts.method);
  }
}

const INVALID_RESPONSE = { kind: 'reset', reason: 'protocol-error', requestSent: true } as const;
