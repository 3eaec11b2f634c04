import type { ExchangeReceiver, ExchangeReset, ServerExchange } from '@ambit/http/exchange';
import { ErrorCode } from '@ambit/http/h2/frames';
import { type FieldList, fieldValue } from '@ambit/http/h2/message-fields';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import type { CompiledAction, CompiledMirror, CompiledRoute, CompiledRoutes } from '@ambit/traffic/compiled-service';
import { drawDestination } from '@ambit/traffic/destination';
import {
  CLUSTER_NOT_FOUND,
  isGrpcRequest,
  type LocalAnswer,
  MATCH_TOO_COSTLY,
  noDestinationAnswer,
  refusedPathAnswer,
  refusedRewriteAnswer,
  ROUTE_NOT_FOUND,
} from '@ambit/traffic/local-answer';
import { findRoute } from '@ambit/traffic/match/find-route';
import { RequestFacts } from '@ambit/traffic/request/request-facts';
import type { ResponseFlags } from '@ambit/traffic/response-flag';
import { SERVICE_NOT_SERVED } from '../answers.ts';
import { MIRROR_TIMEOUT_MS, REPLAY_BYTES } from '../limits.ts';
import { ClientAnswer } from './client-answer.ts';
import { ForwardedRequest } from './forwarded-request.ts';
import type { Forwarder } from './forwarder.ts';
import { MessageBody } from './message-body.ts';
import { requestHead } from './message-heads.ts';
import { type AdmissionHolder, type AdmittedRequest, isGuarded, RequestAdmission } from './request-admission.ts';
import { RequestMirrors } from './request-mirrors.ts';
import { PolicyDenied } from './policy-denied.ts';
import { RequestSession } from './request-session.ts';
import type { RequestRecord } from './request-record.ts';
import type { ServedConnection } from './served-connection.ts';
import type { LiveService } from './served-services.ts';
import { UpgradeHandshake } from './upgrade-handshake.ts';
import { upstreamVersion } from './upstream-endpoint.ts';

type Forward = Extract<CompiledAction, { kind: 'forward' }>;

/**
 * One request of a client, from its head to the end of its answer: routed once, taken through the filters of its route
 * (fault, CORS, what the route does; as in Envoy), and answered exactly once.
 */
export class ServedRequest implements AdmissionHolder, ExchangeReceiver, Forwarder {
  readonly #connection: ServedConnection;
  readonly #down: ServerExchange;
  readonly #record: RequestRecord;
  readonly #headOnly: boolean;
  readonly #toClient: ClientAnswer;
  #facts: RequestFacts | undefined;
  #body: MessageBody | undefined;
  #forwarded: ForwardedRequest | undefined;
  #mirrors: RequestMirrors | undefined;
  #admission: RequestAdmission | undefined;
  #delay: ReactorTimer | undefined;
  /** The policies have let it through. */
  #admitted = false;
  #over = false;

  constructor(connection: ServedConnection, exchange: ServerExchange, headOnly: boolean, record: RequestRecord) {
    this.#connection = connection;
    this.#down = exchange;
    this.#headOnly = headOnly;
    this.#record = record;
    this.#toClient = new ClientAnswer(exchange, record, connection.thread.reactor.buffers);
    exchange.receiver = this;
  }

  /** Routes the request by the routes of its client and does what its route says. */
  begin(fields: FieldList, live: LiveService, routes: CompiledRoutes): void {
    const facts = RequestFacts.read(fields, this.#connection.authority, live.compiled.model.pathNormalization);
    if (typeof facts === 'string') {
      const { authentication } = live.compiled;
      if (authentication !== undefined) this.#record.hideTokens(authentication);
      this.answer(refusedPathAnswer(facts));
      return;
    }
    this.#facts = facts;
    this.#toClient.grpc = isGrpcRequest(facts);
    if (this.#toClient.grpc) this.#record.called();
    if (!isGuarded(live)) {
      this.onAdmitted({ facts, routing: facts, live, routes });
      return;
    }
    const [client, exchange, record, toClient] = [this.#connection.client, this.#down, this.#record, this.#toClient];
    const parts = { thread: this.#connection.thread, client, exchange, record, toClient };
    this.#admission = new RequestAdmission(this, parts, facts, live, routes);
    this.#admission.begin();
  }

  // From its admission.

  holdContent(): MessageBody | undefined {
    if (!this.#headOnly)
      this.#body ??= new MessageBody(this.#connection.thread.reactor.buffers, this.#down, REPLAY_BYTES);
    return this.#body;
  }

  onNotAdmitted(answer: LocalAnswer): void {
    this.answer(answer);
  }

  onAdmitted({ facts, routing, live, routes }: AdmittedRequest): void {
    this.#facts = facts;
    this.#admitted = true;
    const route = findRoute(routes, routing);
    this.#record.routed(facts, this.#toClient.grpc, route);
    if (route === undefined) {
      this.answer(routing.tooCostly ? MATCH_TOO_COSTLY : ROUTE_NOT_FOUND);
      return;
    }
    this.#toClient.route = route;
    const { action, fault } = route;
    if (action.kind === 'forward' && !this.#headOnly) {
      const keep = action.retry === undefined ? 0 : REPLAY_BYTES;
      if (this.#body === undefined)
        this.#body = new MessageBody(this.#connection.thread.reactor.buffers, this.#down, keep);
      else this.#body.keep(keep);
    }
    if (fault === undefined) this.#serve(facts, live, route);
    else this.#delayed(facts, live, route);
  }

  /**
   * The policies in force have changed: they are asked again about a request that was let through. One that has become a connection in
   * another protocol is asked about at once, others when they last.
   */
  reconsider(): void {
    if (this.#over || !this.#admitted || this.#facts === undefined) return;
    const refusal = this.#connection.client.authorization.refusalOfRequest(this.#facts);
    if (refusal === undefined) return;
    const isDenied = refusal instanceof PolicyDenied;
    const details = isDenied ? refusal.details : 'service_not_served';
    this.#record.denied(isDenied ? refusal.policy : undefined, refusal.code);
    this.#forwarded?.abandon();
    if (this.#forwarded?.switched === true) {
      this.cut('-', details);
      return;
    }
    this.#forwarded?.end();
    if (!this.#toClient.begun) this.answer((isDenied ? refusal.answer : undefined) ?? SERVICE_NOT_SERVED);
    else if (this.#toClient.grpc && this.#toClient.trailers(REVOKED)) {
      if (!this.#down.remoteEnded) this.#down.reset(ErrorCode.noError);
      this.#end('-', details);
    } else this.cut('-', details);
  }

  // From the client.

  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const body = this.#body;
    this.#record.received(bytes, start, end);
    if (body === undefined || this.#over) {
      this.#down.release(end - start);
      return;
    }
    body.receive(bytes, start, end, endStream, this.#forwarded?.exchange);
    this.#admission?.contentReceived(body);
    this.#mirrors?.receive(bytes, start, end, endStream);
    if (endStream) this.#forwarded?.requestReceived();
  }

  onTrailers(fields: FieldList): void {
    this.#body?.endWith(fields, this.#forwarded?.exchange);
    if (this.#body !== undefined) this.#admission?.contentReceived(this.#body);
    this.#mirrors?.endWith(fields);
    this.#forwarded?.requestReceived();
  }

  onReset({ cause }: ExchangeReset): void {
    if (this.#over) return;
    this.#forwarded?.abandon();
    if (cause === 'too-large') this.#end('UPE', 'response_trailers_too_large');
    else if (cause === 'unwritable') this.#end('UPE', 'response_trailers_unwritable');
    else this.#end('DC', 'downstream_remote_disconnect');
  }

  onWritable(): void {
    if (this.#over || !this.#toClient.resume()) return;
    if (this.#forwarded === undefined) this.finish();
    else this.#forwarded.answered();
  }

  // From where it is forwarded.

  /** Answers without an endpoint, and without looking at the request any further. */
  answer(answer: LocalAnswer): void {
    if (this.#over) return;
    if (this.#toClient.own(answer, this.#facts?.method === 'HEAD')) this.finish();
  }

  finish(): void {
    if (this.#over) return;
    this.#forwarded?.complete();
    // Nothing more of the request is wanted.
    if (!this.#down.remoteEnded) this.#down.reset(ErrorCode.noError);
    this.#end(undefined, undefined);
  }

  onSwitched(): void {
    this.#connection.thread.switched.add(this);
  }

  cut(flags: ResponseFlags, details: string): void {
    // As a reset of TCP is told in HTTP/2 (RFC 9113 8.5).
    this.#down.reset(this.#forwarded?.switched === true ? ErrorCode.cancel : ErrorCode.internalError);
    this.#end(flags, details);
  }

  /** Only the request waits: the client may cancel it, and its content is taken as far as its window goes. */
  #delayed(facts: RequestFacts, live: LiveService, route: CompiledRoute): void {
    const { reactor, choice } = this.#connection.thread;
    const delayMs = route.fault?.drawDelay(choice.random) ?? 0;
    if (delayMs === 0) {
      this.#aborted(facts, live, route);
      return;
    }
    this.#record.delayInjected();
    this.#delay = reactor.after(delayMs, () => {
      this.#aborted(facts, live, route);
    });
  }

  #aborted(facts: RequestFacts, live: LiveService, route: CompiledRoute): void {
    const abort = route.fault?.drawAbort(this.#connection.thread.choice.random);
    if (abort === undefined) this.#serve(facts, live, route);
    else this.answer(abort);
  }

  #serve(facts: RequestFacts, live: LiveService, route: CompiledRoute): void {
    if (route.cors !== undefined) {
      const preflight = route.cors.preflight(facts);
      this.#toClient.permits(route.cors, facts);
      if (preflight !== undefined) {
        this.answer(preflight);
        return;
      }
    }
    const { action } = route;
    switch (action.kind) {
      case 'direct-response':
        this.answer(action.answer);
        return;
      case 'redirect':
        this.answer(action.redirect.answer(facts));
        return;
      case 'forward':
        this.#forward(facts, live, route, action);
    }
  }

  #forward(facts: RequestFacts, live: LiveService, route: CompiledRoute, action: Forward): void {
    const { thread, authority } = this.#connection;
    const session =
      action.session === undefined ? undefined : new RequestSession(action.session, facts, live, thread.wallTime());
    const destination = session?.destination ?? drawDestination(action.destinations, thread.choice.random);
    this.#toClient.destination = destination;
    if (destination?.redirect !== undefined) {
      this.answer(destination.redirect.answer(facts));
      return;
    }
    if (destination?.cluster === undefined) {
      this.answer(noDestinationAnswer(destination));
      return;
    }
    const cluster = live.clusters.get(destination.cluster);
    if (cluster === undefined) {
      this.answer(CLUSTER_NOT_FOUND);
      return;
    }
    const rewritten = destination.rewrite?.path?.rewrite(facts.path);
    if (rewritten !== undefined && 'refusal' in rewritten) {
      this.answer(refusedRewriteAnswer(rewritten.refusal));
      return;
    }
    this.#record.clusterDrawn(cluster);
    const head = requestHead(facts, {
      requestId: this.#record.requestId,
      clientAuthority: authority,
      authority: destination.rewrite?.authority,
      path: rewritten?.path,
      told: live.compiled.model.clientFields,
      client: this.#connection.client,
      principal: thread.principal,
    });
    route.requestHeaders?.apply(head);
    destination.requestHeaders?.apply(head);
    this.#record.trace?.apply(head);
    const upgrade = this.#upgrade(head);
    const refusal = upgrade?.refusalBy(upstreamVersion(cluster.compiled, this.#down.version, true));
    if (refusal !== undefined) {
      this.answer(refusal);
      return;
    }
    // What comes of another protocol is of no use without its answers.
    if (destination.mirrors.length > 0 && upgrade === undefined)
      this.#mirror(destination.mirrors, head, live, action.timeoutMs);
    this.#forwarded = new ForwardedRequest(this, {
      thread,
      record: this.#record,
      toClient: this.#toClient,
      exchange: this.#down,
      body: this.#body,
      upgrade,
      facts,
      head,
      action,
      cluster,
      client: this.#connection.client,
      session,
    });
    this.#forwarded.begin();
  }

  /** How endpoints are asked to switch protocols; undefined when they are not: the route may have taken the field away. */
  #upgrade(head: FieldList): UpgradeHandshake | undefined {
    const { upgrade, version } = this.#down;
    if (upgrade === undefined) return undefined;
    if (fieldValue(head, 'upgrade') !== undefined) return new UpgradeHandshake(head, version);
    // Then it is a request without content, and answered as one (RFC 9110 7.8).
    this.#body = undefined;
    return undefined;
  }

  /** Before the first try, which may drop content that it has sent. */
  #mirror(mirrors: readonly CompiledMirror[], head: FieldList, live: LiveService, timeoutMs: number): void {
    const original = {
      head,
      headOnly: this.#body === undefined,
      version: this.#down.version,
      timeoutMs: timeoutMs > 0 ? timeoutMs : MIRROR_TIMEOUT_MS,
      client: this.#connection.client,
    };
    this.#mirrors = RequestMirrors.begin(this.#connection.thread, mirrors, live, original, this.#body);
  }

  #end(flags: ResponseFlags | undefined, details: string | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#delay?.cancel();
    this.#admission?.cancel();
    this.#connection.thread.switched.delete(this);
    this.#forwarded?.end();
    this.#body?.clear();
    this.#toClient.clear();
    this.#mirrors?.requestOver();
    this.#record.end(flags, details);
    this.#connection.onRequestOver();
  }
}

/** How a call ends that was let through before: PERMISSION_DENIED, as it would have been answered. */
const REVOKED = ['grpc-status', '7', 'grpc-message', 'RBAC: access denied'];
