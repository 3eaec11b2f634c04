import type { ServerExchange } from '@ambit/http/exchange';
import type { CustomMatch } from '@ambit/traffic/authorization/compiled-authorization';
import type { AuthorizerAnswer, CompiledAuthorizer } from '@ambit/traffic/authorizer/compiled-authorizer';
import {
  AUTHORIZER_UNAVAILABLE,
  CHECKED_BODY_TOO_LARGE,
  type CheckResult,
  TOO_MANY_CHECKS,
} from '@ambit/traffic/authorizer/check-result';
import type { CheckedContent } from '@ambit/traffic/authorizer/checked-request';
import type { LocalAnswer } from '@ambit/traffic/local-answer';
import type { RequestFacts } from '@ambit/traffic/request/request-facts';
import { AuthorizerCall, type CallFailure } from './authorizer-call.ts';
import type { DataThreadContext } from './context.ts';
import type { MessageBody } from './message-body.ts';
import type { RequestRecord } from './request-record.ts';
import type { ServedClient } from './served-connection.ts';
import type { LiveService } from './served-services.ts';

/** How checks end, as metrics name it. */
export type CheckOutcome =
  | 'allowed'
  | 'cancelled'
  | 'denied'
  | 'error'
  | 'failure_mode_allowed'
  | 'overflow'
  | 'timeout'
  | 'too_large'
  | 'unavailable';

export type Allowed = Extract<CheckResult, { kind: 'allowed' }>;

const ALLOWED_UNCHANGED: Allowed = { kind: 'allowed', request: undefined, response: undefined };

export interface RequestCheckParts {
  readonly thread: DataThreadContext;
  readonly live: LiveService;
  readonly match: CustomMatch;
  readonly facts: RequestFacts;
  readonly exchange: ServerExchange;
  readonly record: RequestRecord;
  readonly client: ServedClient;
  /** Undefined: the head is all. */
  readonly body: MessageBody | undefined;
}

/** Who has a request held. One of the two is called, once, maybe from within `begin`, unless `cancel` came first. */
export interface CheckHolder {
  onAllowed(allowed: Allowed, authorizer: CompiledAuthorizer): void;
  onRefused(answer: LocalAnswer): void;
}

/** A request that an external authorizer is asked about, and held meanwhile. */
export class RequestCheck {
  readonly #holder: CheckHolder;
  readonly #parts: RequestCheckParts;
  readonly #authorizer: CompiledAuthorizer | undefined;
  #call: AuthorizerCall | undefined;
  /** Octets of content that count for the check. */
  #held = 0;
  #asking = false;
  #over = false;

  constructor(holder: CheckHolder, parts: RequestCheckParts) {
    this.#holder = holder;
    this.#parts = parts;
    this.#authorizer = parts.live.compiled.authorizers.get(parts.match.authorizer);
  }

  begin(): void {
    const { match, body, facts, exchange } = this.#parts;
    const authorizer = this.#authorizer;
    if (authorizer === undefined || authorizer.unavailable) {
      this.#refuse('unavailable', AUTHORIZER_UNAVAILABLE, `the authorizer ${match.authorizer} cannot be asked`);
      return;
    }
    const wanted = authorizer.model.body;
    if (wanted === null || body === undefined || exchange.upgrade !== undefined) {
      this.#ask(undefined);
      return;
    }
    if (!wanted.partial && Number(facts.header('content-length') ?? '0') > wanted.maxBytes) {
      this.#tooLarge();
      return;
    }
    // Who waits for a word of the endpoint before it sends content would wait for ever.
    if (exchange.expectsContinue) exchange.inform([':status', '100']);
    this.contentReceived(body);
  }

  /** More of the content came, or its end. */
  contentReceived(body: MessageBody): void {
    const wanted = this.#authorizer?.model.body;
    if (this.#over || this.#asking || wanted === null || wanted === undefined) return;
    if (body.length > wanted.maxBytes && !wanted.partial) this.#tooLarge();
    else if (body.ended || body.length >= wanted.maxBytes) {
      if (body.length === wanted.maxBytes && !body.ended && !wanted.partial) return;
      this.#ask(this.#contentOf(body, wanted.maxBytes));
    }
  }

  /** Nobody wants the answer any more. Idempotent. */
  cancel(): void {
    if (this.#over) return;
    if (this.#asking) this.#count('cancelled');
    this.#end();
    this.#call?.cancel();
  }

  #contentOf(body: MessageBody, maxBytes: number): CheckedContent {
    const chunks: Buffer[] = [];
    body.eachChunk((bytes, start, end) => {
      chunks.push(bytes.subarray(start, end));
    });
    const bytes = Buffer.concat(chunks, Math.min(body.length, maxBytes));
    return { bytes, partial: body.length > maxBytes || !body.ended };
  }

  #ask(content: CheckedContent | undefined): void {
    const { thread, live, match, facts, record, client, exchange } = this.#parts;
    const authorizer = this.#authorizer;
    if (authorizer === undefined) return;
    const held = content?.bytes.length ?? 0;
    if (!thread.checks.begin(held)) {
      this.#refuse('overflow', TOO_MANY_CHECKS, 'too many requests wait for authorization', 'AMBIT_AUTHORIZER_BUSY');
      return;
    }
    this.#held = held;
    this.#asking = true;
    const compiled = live.compiled.clusters.get(authorizer.model.cluster);
    const cluster = compiled === undefined ? undefined : live.clusters.get(compiled);
    if (cluster === undefined) {
      this.#failed({ result: 'error', reason: `${match.authorizer} has no cluster` }, authorizer);
      return;
    }
    const question = authorizer.question(
      { facts, id: record.requestId, version: exchange.version, time: thread.wallTime() },
      { ...client, ownPrincipal: thread.principal },
      content,
    );
    const head = [...question.head];
    record.trace?.apply(head);
    this.#call = new AuthorizerCall(thread.reactor, authorizer, cluster, client, { ...question, head }, (answer) => {
      if ('result' in answer) this.#failed(answer, authorizer);
      else this.#answered(authorizer, answer);
    });
    this.#call.begin();
  }

  #answered(authorizer: CompiledAuthorizer, answer: AuthorizerAnswer): void {
    const result = authorizer.read(answer);
    switch (result.kind) {
      case 'allowed':
        this.#count('allowed');
        this.#end();
        this.#holder.onAllowed(result, authorizer);
        return;
      case 'denied':
        this.#refuse('denied', result.answer, undefined, 'AMBIT_AUTHORIZER_DENIED');
        return;
      case 'failed':
        this.#failed({ result: 'error', reason: result.reason }, authorizer);
    }
  }

  #failed({ result, reason }: CallFailure, authorizer: CompiledAuthorizer): void {
    if (authorizer.onError !== undefined) {
      this.#refuse(result, authorizer.onError, reason);
      return;
    }
    this.#count('failure_mode_allowed');
    this.#end();
    this.#parts.record.uncheckedBy(this.#parts.match.policy, reason);
    this.#holder.onAllowed(ALLOWED_UNCHANGED, authorizer);
  }

  #tooLarge(): void {
    this.#refuse('too_large', CHECKED_BODY_TOO_LARGE, 'the content is larger than the authorizer takes');
  }

  #refuse(
    outcome: CheckOutcome,
    answer: LocalAnswer,
    reason: string | undefined,
    code = 'AMBIT_AUTHORIZER_FAILED',
  ): void {
    const { match, record, thread } = this.#parts;
    this.#count(outcome);
    this.#end();
    thread.metrics.decided(match.denied);
    record.denied(match.policy, code);
    if (reason !== undefined) record.unchecked(reason);
    this.#holder.onRefused(answer);
  }

  #count(outcome: CheckOutcome): void {
    this.#parts.thread.metrics.checked(this.#parts.match.authorizer, outcome);
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#asking) this.#parts.thread.checks.end(this.#held);
  }
}
