import { AmbitError } from '@ambit/core/errors';
import type { ClientExchange, ExchangeReceiver, ExchangeReset, ServerExchange } from '@ambit/http/exchange';
import { ErrorCode } from '@ambit/http/h2/frames';
import type { FieldList } from '@ambit/http/h2/message-fields';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import type { CompiledRoute, CompiledRoutes } from '@ambit/traffic/compiled-service';
import { Deadline } from '@ambit/traffic/deadline';
import { drawDestination } from '@ambit/traffic/destination';
import {
  CLUSTER_NOT_FOUND,
  isGrpcRequest,
  type LocalAnswer,
  noDestinationAnswer,
  refusedPathAnswer,
  ROUTE_NOT_FOUND,
} from '@ambit/traffic/local-answer';
import { findRoute } from '@ambit/traffic/match/find-route';
import { isIdempotent } from '@ambit/traffic/request/idempotent-method';
import { RequestFacts } from '@ambit/traffic/request/request-facts';
import type { ResponseFlags } from '@ambit/traffic/response-flag';
import {
  type AttemptOutcome,
  type AttemptProgress,
  NO_ENDPOINT,
  PER_TRY_TIMED_OUT,
  REQUEST_TIMED_OUT,
} from '@ambit/traffic/retry/attempt-outcome';
import { type AttemptDecision, Attempts } from '@ambit/traffic/retry/attempts';
import { failureAnswer } from '@ambit/traffic/retry/failure';
import { REPLAY_BYTES } from '../limits.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import { ClientAnswer } from './client-answer.ts';
import { MessageBody } from './message-body.ts';
import { interimHead, requestHead, responseHead } from './message-heads.ts';
import type { RequestRecord } from './request-record.ts';
import type { ServedConnection } from './served-connection.ts';
import type { LiveService } from './served-services.ts';
import type { UpstreamVersion } from './upstream-endpoint.ts';
import type { UpstreamCluster } from './upstreams.ts';

/**
 * One request of a client, from its head to the end of its answer: routed once, tried at one endpoint after another as its
 * route allows, and answered exactly once.
 */
export class ForwardedRequest implements ExchangeReceiver, AttemptOwner, AttemptProgress {
  readonly #connection: ServedConnection;
  readonly #down: ServerExchange;
  readonly #record: RequestRecord;
  readonly #headOnly: boolean;
  readonly #toClient: ClientAnswer;
  #facts: RequestFacts | undefined;
  #head: readonly string[] = [];
  #route: CompiledRoute | undefined;
  #cluster: UpstreamCluster | undefined;
  #attempts: Attempts | undefined;
  #attempt: Attempt | undefined;
  #deadline: Deadline | undefined;
  #deadlineTimer: ReactorTimer | undefined;
  #tryTimer: ReactorTimer | undefined;
  #requestBody: MessageBody | undefined;
  #freshTried = false;
  #over = false;

  constructor(connection: ServedConnection, exchange: ServerExchange, headOnly: boolean, record: RequestRecord) {
    this.#connection = connection;
    this.#down = exchange;
    this.#headOnly = headOnly;
    this.#record = record;
    this.#toClient = new ClientAnswer(exchange, record, connection.thread.reactor.buffers);
    exchange.receiver = this;
  }

  /** Routes the request by the routes of its client and begins its first try. */
  begin(fields: FieldList, live: LiveService, routes: CompiledRoutes): void {
    const { thread } = this.#connection;
    const facts = RequestFacts.read(fields);
    if (typeof facts === 'string') {
      this.#answer(refusedPathAnswer(facts));
      return;
    }
    this.#facts = facts;
    this.#toClient.grpc = isGrpcRequest(facts);
    const route = findRoute(routes, facts);
    this.#record.routed(facts, this.#toClient.grpc, route);
    if (route === undefined) {
      this.#answer(ROUTE_NOT_FOUND);
      return;
    }
    this.#route = route;
    const { action } = route;
    if (action.kind === 'direct-response') {
      this.#answer(action.answer);
      return;
    }
    if (action.kind === 'redirect') {
      this.#answer(action.redirect.answer(facts, this.#connection.authority));
      return;
    }
    const destination = drawDestination(action.destinations, thread.choice.random);
    if (destination?.redirect !== undefined) {
      this.#answer(destination.redirect.answer(facts, this.#connection.authority));
      return;
    }
    const drawn = destination?.cluster;
    const cluster = drawn === undefined ? undefined : live.clusters.get(drawn);
    if (cluster === undefined) {
      this.#answer(drawn === undefined ? noDestinationAnswer(destination) : CLUSTER_NOT_FOUND);
      return;
    }
    this.#cluster = cluster;
    this.#record.clusterDrawn(cluster);
    this.#attempts = new Attempts(action.retry, cluster.budget, thread.choice.random);
    this.#head = requestHead(facts, this.#record.requestId, this.#connection.authority);
    if (!this.#headOnly) {
      const keep = action.retry === undefined ? 0 : REPLAY_BYTES;
      this.#requestBody = new MessageBody(thread.reactor.buffers, this.#down, keep);
    }
    this.#deadline = Deadline.of(facts, action.timeoutMs, thread.reactor.now);
    if (this.#headOnly) this.#deadline.requestReceived(thread.reactor.now);
    this.#armDeadline();
    this.#try();
  }

  /** Answers without looking at the request any further. */
  refuse(answer: LocalAnswer): void {
    this.#answer(answer);
  }

  // What the attempts want to know of progress.

  get bodyBytesSent(): number {
    return this.#requestBody?.sent ?? 0;
  }

  get bodyComplete(): boolean {
    return this.#requestBody?.complete ?? true;
  }

  get replayable(): boolean {
    return this.#requestBody?.replayable ?? true;
  }

  get responseBegun(): boolean {
    return this.#toClient.begun;
  }

  // From the client.

  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const body = this.#requestBody;
    this.#record.bytesReceived += end - start;
    if (body === undefined || this.#over) {
      this.#down.release(end - start);
      return;
    }
    body.receive(bytes, start, end, endStream, this.#attempt?.exchange);
    if (endStream) this.#requestReceived();
  }

  onTrailers(fields: FieldList): void {
    this.#requestBody?.endWith(fields, this.#attempt?.exchange);
    this.#requestReceived();
  }

  onReset(_reset: ExchangeReset): void {
    if (this.#over) return;
    this.#attempt?.abandon();
    this.#end('DC', 'downstream_remote_disconnect');
  }

  onWritable(): void {
    if (!this.#over && this.#toClient.resume()) this.#finish();
  }

  // From the try at an endpoint.

  head(): FieldList {
    return this.#head;
  }

  get headOnly(): boolean {
    return this.#headOnly;
  }

  onSent(exchange: ClientExchange): void {
    this.#record.connected();
    this.#requestBody?.pump(exchange);
  }

  onAttemptWritable(exchange: ClientExchange): void {
    this.#requestBody?.pump(exchange);
  }

  onInterim(fields: FieldList): void {
    try {
      this.#down.inform(interimHead(fields));
    } catch (thrown) {
      // Whoever cannot be told in the meantime is told in the end.
      if (!(thrown instanceof AmbitError)) throw thrown;
    }
  }

  onHead(fields: FieldList, endStream: boolean): void {
    const attempts = this.#attempts;
    if (attempts === undefined) return;
    const status = Number(fields[1]);
    const decision = attempts.next({ kind: 'response', status, grpcStatus: this.#toClient.grpcStatus(fields) }, this);
    if (this.#attempt !== undefined) this.#cluster?.answered(this.#attempt.chosen);
    if (decision.kind === 'retry') {
      this.#attempt?.abandon();
      this.#apply(decision);
      return;
    }
    this.#tryTimer?.cancel();
    const head = responseHead(fields, this.#connection.thread.reactor.now - this.#record.startedAt);
    try {
      this.#toClient.head(head, endStream, decision.kind === 'pass' ? decision.flags : '-');
    } catch (thrown) {
      if (!(thrown instanceof AmbitError)) throw thrown;
      this.#attempt?.abandon();
      this.#answer(failureAnswer(INVALID_RESPONSE, undefined));
      return;
    }
    // It will not be sent again.
    this.#requestBody?.commit();
    if (endStream) this.#finish();
  }

  onContent(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const exchange = this.#attempt?.exchange;
    if (exchange === undefined) return;
    if (this.#toClient.content(exchange, bytes, start, end, endStream)) this.#finish();
  }

  onResponseTrailers(fields: FieldList): void {
    if (this.#toClient.trailers(fields)) this.#finish();
  }

  onFailed(outcome: AttemptOutcome, error: AmbitError | undefined, stale: boolean): void {
    const attempt = this.#attempt;
    if (attempt === undefined || this.#over) return;
    this.#record.tryFailed(error);
    if (outcome.kind === 'connect-failed') this.#cluster?.unreachable(attempt.chosen, error);
    if (stale && this.#mayRepeatUnseen()) {
      // The endpoint closed an idle connection just when the request went out on it.
      this.#freshTried = true;
      this.#requestBody?.rewind();
      this.#begin(new Attempt(this, attempt.chosen, this.#version()), true);
      return;
    }
    this.#failed(outcome);
  }

  #try(): void {
    const attempts = this.#attempts;
    const cluster = this.#cluster;
    if (attempts === undefined || cluster === undefined) return;
    const chosen = cluster.choose(attempts.tried);
    if (chosen === 'unknown') {
      this.#answer(CLUSTER_NOT_FOUND);
      return;
    }
    if (chosen === undefined) {
      this.#failed(NO_ENDPOINT);
      return;
    }
    if (attempts.begun > 0) this.#requestBody?.rewind();
    attempts.begin(chosen.slot.uid);
    this.#record.tried(chosen);
    this.#begin(new Attempt(this, chosen, this.#version()), false);
  }

  #begin(attempt: Attempt, fresh: boolean): void {
    this.#attempt = attempt;
    const perTryMs = this.#perTryTimeoutMs;
    if (perTryMs > 0) {
      this.#tryTimer?.cancel();
      this.#tryTimer = this.#connection.thread.reactor.after(perTryMs, () => {
        this.#attempt?.abandon();
        this.#failed(PER_TRY_TIMED_OUT);
      });
    }
    attempt.begin(fresh, this.#cluster?.compiled.model.connectTimeoutMs ?? 0);
  }

  #failed(outcome: AttemptOutcome): void {
    const decision = this.#attempts?.next(outcome, this);
    if (decision !== undefined) this.#apply(decision);
  }

  #apply(decision: AttemptDecision): void {
    this.#tryTimer?.cancel();
    switch (decision.kind) {
      case 'retry':
        this.#attempt = undefined;
        if (decision.delayMs < 1) this.#try();
        else
          this.#tryTimer = this.#connection.thread.reactor.after(decision.delayMs, () => {
            this.#try();
          });
        return;
      case 'answer':
        this.#answer(decision.answer);
        return;
      case 'cut':
        this.#down.reset(ErrorCode.internalError);
        this.#end(decision.flags, decision.details);
        return;
      case 'pass':
    }
  }

  #requestReceived(): void {
    if (this.#over) return;
    this.#deadline?.requestReceived(this.#connection.thread.reactor.now);
    this.#armDeadline();
  }

  #armDeadline(): void {
    const at = this.#deadline?.at ?? Number.POSITIVE_INFINITY;
    if (at === Number.POSITIVE_INFINITY) return;
    const { reactor } = this.#connection.thread;
    this.#deadlineTimer?.cancel();
    this.#deadlineTimer = reactor.after(Math.max(at - reactor.now, 0), () => {
      this.#attempt?.abandon();
      this.#failed(REQUEST_TIMED_OUT);
    });
  }

  /** Answers without an endpoint. */
  #answer(answer: LocalAnswer): void {
    if (this.#over) return;
    if (this.#toClient.own(answer, this.#facts?.method === 'HEAD')) this.#finish();
  }

  /** The client has the whole answer, as far as it is ours to send. */
  #finish(): void {
    if (this.#over) return;
    this.#attempt?.complete();
    // Nothing more of the request is wanted.
    if (!this.#down.remoteEnded) this.#down.reset(ErrorCode.noError);
    this.#end(undefined, undefined);
  }

  #end(flags: ResponseFlags | undefined, details: string | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#deadlineTimer?.cancel();
    this.#tryTimer?.cancel();
    this.#attempts?.end();
    this.#requestBody?.clear();
    this.#toClient.clear();
    this.#record.end(flags, details);
    this.#connection.onRequestOver();
  }

  #version(): UpstreamVersion {
    const protocol = this.#cluster?.compiled.model.protocol;
    return protocol === 'http2' || this.#down.version === 'HTTP/2' ? 'HTTP/2' : 'HTTP/1.1';
  }

  get #perTryTimeoutMs(): number {
    const action = this.#route?.action;
    return action?.kind === 'forward' ? (action.retry?.perTryTimeoutMs ?? 0) : 0;
  }

  /** RFC 9110 9.2.2: a client may repeat an idempotent request by itself when the connection went away under it. */
  #mayRepeatUnseen(): boolean {
    if (this.#freshTried || this.responseBegun || !this.replayable) return false;
    return (this.bodyBytesSent === 0 || this.bodyComplete) && isIdempotent(this.#facts?.method ?? '');
  }
}

const INVALID_RESPONSE = { kind: 'reset', reason: 'protocol-error', requestSent: true } as const;
