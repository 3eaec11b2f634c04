import type { ServerExchange } from '@ambit/http/exchange';
import type { CheckPoint, CustomMatch } from '@ambit/traffic/authorization/compiled-authorization';
import type { CompiledAuthorizer } from '@ambit/traffic/authorizer/compiled-authorizer';
import { withChanges } from '@ambit/traffic/authorizer/field-changes';
import type { CompiledRoutes } from '@ambit/traffic/compiled-service';
import { type LocalAnswer, refusedPathAnswer } from '@ambit/traffic/local-answer';
import { rateLimitAnswer, rateLimitFields } from '@ambit/traffic/rate-limit/rate-limit-answer';
import type { RuleOutcome } from '@ambit/traffic/rate-limit/rate-limits';
import { RequestFacts } from '@ambit/traffic/request/request-facts';
import { authenticatedFacts } from '@ambit/traffic/token/authenticated-facts';
import type { Authentication, CompiledAuthentication } from '@ambit/traffic/token/compiled-authentication';
import { tokenAnswer } from '@ambit/traffic/token/token-answer';
import { SERVICE_NOT_SERVED } from '../answers.ts';
import type { ClientAnswer } from './client-answer.ts';
import type { DataThreadContext } from './context.ts';
import type { MessageBody } from './message-body.ts';
import { type Allowed, type CheckHolder, RequestCheck } from './request-check.ts';
import type { RequestRecord } from './request-record.ts';
import type { ServedClient } from './served-connection.ts';
import { type LiveService, portOf } from './served-services.ts';

/** Whether anybody is asked about requests to it. */
export function isGuarded({ compiled: { authentication, authorization }, rateLimits }: LiveService): boolean {
  return authentication !== undefined || authorization !== undefined || rateLimits !== undefined;
}

/** A request that may go on, and by what. */
export interface AdmittedRequest {
  readonly facts: RequestFacts;
  /** By which its route is chosen. */
  readonly routing: RequestFacts;
  readonly live: LiveService;
  readonly routes: CompiledRoutes;
}

/** Whose request it is. One of the two first is called, once, maybe from within `begin`, unless `cancel` came first. */
export interface AdmissionHolder {
  onAdmitted(request: AdmittedRequest): void;
  onNotAdmitted(answer: LocalAnswer): void;
  /** The request waits: what comes of its content is kept as far as its window goes. Undefined: its head is all. */
  holdContent(): MessageBody | undefined;
}

export interface RequestAdmissionParts {
  readonly thread: DataThreadContext;
  readonly client: ServedClient;
  readonly exchange: ServerExchange;
  readonly record: RequestRecord;
  readonly toClient: ClientAnswer;
}

/**
 * Whether a request may go on: asks external authorizers, looks at its tokens, asks the policies and the limits, in the order of
 * Istio. What is in force when it has waited holds, not what was when it came.
 */
export class RequestAdmission implements CheckHolder {
  readonly #holder: AdmissionHolder;
  readonly #parts: RequestAdmissionParts;
  #facts: RequestFacts;
  #live: LiveService;
  #routes: CompiledRoutes;
  /** The facts without what an authorizer has changed, when its changes are not for the choice of the route. */
  #unchanged: RequestFacts | undefined;
  #point: CheckPoint = 'before-tokens';
  #check: RequestCheck | undefined;
  #asked = false;
  #endWait: (() => void) | undefined;

  constructor(
    holder: AdmissionHolder,
    parts: RequestAdmissionParts,
    facts: RequestFacts,
    live: LiveService,
    routes: CompiledRoutes,
  ) {
    this.#holder = holder;
    this.#parts = parts;
    this.#facts = facts;
    this.#live = live;
    this.#routes = routes;
  }

  begin(): void {
    if (!this.#holds()) this.#authenticate(true);
  }

  contentReceived(body: MessageBody): void {
    this.#check?.contentReceived(body);
  }

  /** Nobody wants to know any more. Idempotent. */
  cancel(): void {
    this.#endWait?.();
    this.#check?.cancel();
  }

  // From an external authorizer.

  onAllowed({ request, response }: Allowed, { model }: CompiledAuthorizer): void {
    this.#check = undefined;
    if (!this.#isServed()) return;
    this.#parts.toClient.checked = response;
    if (request !== undefined) {
      const before = this.#facts;
      this.#facts = before.withFields(withChanges(before.fields, request));
      if (!model.clearRouteCache) this.#unchanged = before;
    }
    if (this.#point === 'before-tokens') this.#authenticate(true);
    else this.#authorize();
  }

  onRefused(answer: LocalAnswer): void {
    this.#refuse(answer);
  }

  /** Asks an external authorizer, if one is to be asked now. */
  #holds(): boolean {
    const match = this.#parts.client.authorization.checkOf(this.#live, this.#facts, this.#point);
    if (match === undefined) return false;
    this.#hold(match);
    return true;
  }

  #hold(match: CustomMatch): void {
    const { thread, client, exchange, record } = this.#parts;
    this.#asked = true;
    const { authentication } = this.#live.compiled;
    if (authentication !== undefined && this.#point === 'before-tokens') record.hideTokens(authentication);
    const [live, facts, body] = [this.#live, this.#facts, this.#holder.holdContent()];
    this.#check = new RequestCheck(this, { thread, live, match, facts, client, exchange, record, body });
    this.#check.begin();
  }

  /** Looks at the tokens of the request, before policies are asked about who it is. `mayWait`: for keys that are newer than its token. */
  #authenticate(mayWait: boolean): void {
    const { authentication } = this.#live.compiled;
    const outcome = authentication?.judge(this.#facts, this.#parts.thread.tokens);
    if (authentication === undefined || outcome === undefined) {
      this.#authenticated();
      return;
    }
    this.#recordTokens(authentication, outcome);
    if (outcome.kind === 'refused') {
      if (!mayWait || !this.#waitsForKeys(outcome.sources)) this.#refuseToken(outcome.fault);
      return;
    }
    const { thread, client } = this.#parts;
    if (outcome.token !== undefined) thread.metrics.tokenJudged('good');
    const { pathNormalization } = this.#live.compiled.model;
    this.#facts = authenticatedFacts(this.#facts, outcome, client.authority, pathNormalization);
    // Routes may ask for claims, which must not be what a client says in their place (as in Istio).
    this.#unchanged = undefined;
    this.#authenticated();
  }

  #authenticated(): void {
    this.#point = 'behind-tokens';
    // One provider serves a target: it is asked once.
    if (this.#asked || !this.#holds()) this.#authorize();
  }

  /** What is written down of the request has no token in it. */
  #recordTokens(authentication: CompiledAuthentication, outcome: Authentication): void {
    const { record } = this.#parts;
    const { fields } = this.#facts;
    const isPassed = outcome.kind === 'passed';
    if (isPassed && outcome.token === undefined && outcome.fields === fields) return;
    const written = authentication.writable(isPassed ? outcome.fields : fields, isPassed);
    record.authenticated(written, authentication.withoutTokens(record.path ?? ''));
  }

  /** False: too many wait already, or there is nothing to wait for. */
  #waitsForKeys(sources: readonly string[]): boolean {
    if (sources.length === 0) return false;
    this.#endWait = this.#parts.thread.tokens.wait(sources, () => {
      if (this.#isServed()) this.#goOn();
    });
    if (this.#endWait === undefined) return false;
    this.#holder.holdContent();
    return true;
  }

  /** Keys were waited for. An authorizer that nobody had to ask before may have to be asked now. */
  #goOn(): void {
    if (this.#asked || !this.#holds()) this.#authenticate(false);
  }

  #refuseToken(fault: Extract<Authentication, { kind: 'refused' }>['fault']): void {
    const { thread, record } = this.#parts;
    thread.metrics.tokenJudged(fault);
    record.refusedBy('AMBIT_TOKEN_REFUSED');
    this.#refuse(tokenAnswer(fault, this.#facts));
  }

  #authorize(): void {
    if (this.#isDenied() || this.#isLimited()) return;
    const [facts, live, routes] = [this.#facts, this.#live, this.#routes];
    this.#holder.onAdmitted({ facts, routing: this.#unchanged ?? facts, live, routes });
  }

  #isDenied(): boolean {
    const { thread, client, record } = this.#parts;
    const verdict = client.authorization.ofRequest(this.#live, this.#facts);
    if (verdict === undefined) return false;
    const { decision, answer } = verdict;
    thread.metrics.decided(decision);
    record.judged(decision);
    if (answer === undefined) return false;
    this.#refuse(answer);
    return true;
  }

  /** Asks the rate limits, behind the policies. */
  #isLimited(): boolean {
    const { thread, client, record, toClient } = this.#parts;
    const verdict = this.#live.rateLimits?.judge(client, this.#facts);
    if (verdict === undefined) return false;
    const { outcomes, refusal, watched } = verdict;
    for (const outcome of outcomes) thread.metrics.rateLimited(outcome);
    for (const outcome of watched) {
      thread.metrics.rateLimited(outcome);
      if (!outcome.admitted) record.wouldLimit(nameOf(outcome));
    }
    toClient.fields = rateLimitFields(outcomes);
    if (refusal === undefined) return false;
    record.denied(nameOf(refusal), 'AMBIT_RATE_LIMITED');
    this.#refuse(rateLimitAnswer(refusal));
    return true;
  }

  /** Takes what is in force now; answers when nothing is served there any more. */
  #isServed(): boolean {
    const { thread, client } = this.#parts;
    const live = thread.services.find(client.served);
    const port = live === undefined ? undefined : portOf(live, client.dialled.port);
    if (live === undefined || port === undefined) {
      this.#refuse(SERVICE_NOT_SERVED);
      return false;
    }
    const { pathNormalization } = live.compiled.model;
    if (pathNormalization !== this.#live.compiled.model.pathNormalization) {
      const facts = RequestFacts.read(this.#facts.fields, client.authority, pathNormalization);
      if (typeof facts === 'string') {
        this.#refuse(refusedPathAnswer(facts));
        return false;
      }
      facts.token = this.#facts.token;
      this.#facts = facts;
    }
    this.#live = live;
    this.#routes = client.routes.of(port);
    return true;
  }

  #refuse(answer: LocalAnswer): void {
    this.#parts.record.routed(this.#facts, this.#parts.toClient.grpc, undefined);
    this.#holder.onNotAdmitted(answer);
  }
}

/** `namespace/name` of the object that a rule stands in. */
function nameOf({ rule: { limit } }: RuleOutcome): string {
  return `${limit.namespace}/${limit.name}`;
}
