import { formatSocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';
import type { Decision } from '@ambit/mesh/policy/decision';
import type { HttpVersion } from '@ambit/http/exchange';
import { type FieldList, fieldValue } from '@ambit/http/h2/message-fields';
import type { LoggedDownstream, LoggedRoute, LoggedUpstream } from '@ambit/telemetry/http-log-record';
import { NO_GRPC_STATUS, type RequestSeries } from '@ambit/telemetry/request-series';
import { type FlagSet, formatFlags, NO_FLAGS, parseFlags } from '@ambit/telemetry/response-flag-set';
import type { CompiledRoute } from '@ambit/traffic/compiled-service';
import { isGrpcContentType } from '@ambit/traffic/grpc';
import type { RequestFacts } from '@ambit/traffic/request/request-facts';
import type { CompiledAuthentication } from '@ambit/traffic/token/compiled-authentication';
import type { ResponseFlags } from '@ambit/traffic/response-flag';
import type { ObservedRequest } from '@ambit/traffic/expression/attributes';
import { CallMessages } from './call-messages.ts';
import type { DataThreadContext } from './context.ts';
import { observationOf } from './observation.ts';
import type { LiveTelemetry } from './live-telemetry.ts';
import type { LoggedValues } from './logged-values.ts';
import { TracedTry } from './traced-try.ts';
import { meshTags } from './mesh-tags.ts';
import { RequestTrace } from './request-trace.ts';
import type { ServedClient, ServedConnection } from './served-connection.ts';
import type { ChosenEndpoint, UpstreamCluster } from './upstreams.ts';
import { principalOf } from './workload-principal.ts';

/** What is known of a request, gathered while it lasts; counted and logged once, when it is over. */
export class RequestRecord implements LoggedValues, ObservedRequest {
  readonly startTime: number;
  /** Milliseconds of the loop's clock. */
  readonly startedAt: number;
  readonly requestId: string;
  readonly protocol: HttpVersion;
  readonly downstream: LoggedDownstream;
  readonly terminationDetails: string | undefined = undefined;
  policy: string | undefined;
  method: string | undefined;
  path: string | undefined;
  authority: string | undefined;
  status = 0;
  flags: FlagSet = NO_FLAGS;
  details: string | undefined;
  transportFailure: string | undefined;
  reason: string | undefined;
  bytesReceived = 0;
  bytesSent = 0;
  duration = 0;
  upstreamServiceTime: number | undefined;
  upstream: LoggedUpstream | undefined;
  route: LoggedRoute | undefined;
  routeName: string | undefined;
  grpcStatus: number = NO_GRPC_STATUS;
  readonly #thread: DataThreadContext;
  readonly #connection: ServedConnection;
  #fields: FieldList;
  readonly #telemetry: LiveTelemetry | undefined;
  /** Undefined: nobody has asked for traces. */
  readonly trace: RequestTrace | undefined;
  /** What was done to the request on purpose, whatever became of it. */
  #injected: FlagSet = NO_FLAGS;
  #grpc = false;
  /** Undefined: it is no call of gRPC. */
  #messages: CallMessages | undefined;
  /** What answers is gRPC too. */
  #answersGrpc = false;
  #cluster: UpstreamCluster | undefined;
  #chosen: ChosenEndpoint | undefined;
  #sentAt = 0;
  /** Kept where a format may ask for its fields. */
  #response: FieldList | undefined;
  /** What a policy that is not enforced has said; told when there is nothing else to tell. */
  #observed: string | undefined;

  constructor(
    thread: DataThreadContext,
    connection: ServedConnection,
    protocol: HttpVersion,
    fields: FieldList,
    telemetry: LiveTelemetry | undefined,
  ) {
    this.#thread = thread;
    this.#connection = connection;
    this.#fields = fields;
    this.#telemetry = telemetry;
    const tracing = telemetry?.compiled.tracing;
    this.trace = tracing === undefined ? undefined : new RequestTrace(thread.tracer, tracing, fields);
    this.startTime = thread.wallTime();
    this.startedAt = thread.reactor.now;
    this.protocol = protocol;
    this.downstream = connection.logged;
    this.requestId = thread.requestIds.of(fieldValue(fields, 'x-request-id'));
    this.method = fieldValue(fields, ':method');
    this.path = fieldValue(fields, ':path');
    this.authority = fieldValue(fields, ':authority');
  }

  get forwardedFor(): string | undefined {
    return fieldValue(this.#fields, 'x-forwarded-for');
  }

  get userAgent(): string | undefined {
    return fieldValue(this.#fields, 'user-agent');
  }

  get traceId(): string | undefined {
    return this.trace?.traceId;
  }

  get scheme(): string | undefined {
    return fieldValue(this.#fields, ':scheme');
  }

  get principal(): string {
    return this.#connection.client.principal;
  }

  get client(): ServedClient {
    return this.#connection.client;
  }

  get clusterName(): string | undefined {
    return this.#cluster?.compiled.name;
  }

  get endpoint(): LoggedValues['endpoint'] {
    const chosen = this.#chosen;
    return chosen && { address: chosen.upstream.address, workload: chosen.slot.endpoint.workload };
  }

  /** What is told of the request from now on: tokens are not, and what only they may say is. */
  authenticated(fields: FieldList, path: string): void {
    this.#fields = fields;
    this.path = path;
  }

  /** The same of a request whose tokens nobody has looked at yet. */
  hideTokens(authentication: CompiledAuthentication): void {
    this.authenticated(authentication.writable(this.#fields, false), authentication.withoutTokens(this.path ?? ''));
  }

  header(name: string): string | undefined {
    return fieldValue(this.#fields, name);
  }

  responseHeader(name: string): string | undefined {
    return this.#response && fieldValue(this.#response, name);
  }

  /** It is a call of gRPC: its messages are counted, at each scrape what has passed by then. */
  called(): void {
    this.#messages = new CallMessages();
    this.#thread.metrics.calls.add(this);
  }

  /** Content of the request. */
  received(bytes: Buffer, start: number, end: number): void {
    this.bytesReceived += end - start;
    this.#messages?.requests.add(bytes, start, end);
  }

  /** Content of an endpoint's answer. */
  sent(bytes: Buffer, start: number, end: number): void {
    this.bytesSent += end - start;
    if (this.#answersGrpc) this.#messages?.responses.add(bytes, start, end);
  }

  routed(_facts: RequestFacts, grpc: boolean, route: CompiledRoute | undefined): void {
    this.#grpc = grpc;
    if (route === undefined) return;
    this.route = this.#thread.requestLog.route(route);
    this.routeName = route.name;
  }

  /** What policies say of the request; of those that are not enforced the first. */
  judged({ allowed, policy, dryRun }: Decision): void {
    if (!allowed) {
      this.denied(policy, 'AMBIT_POLICY_DENIED');
      return;
    }
    const [finding] = dryRun;
    if (finding === undefined) return;
    this.policy = finding.policy;
    this.#observed = observationOf(finding);
  }

  /** A rate limit in dry run would have refused it. */
  wouldLimit(policy: string): void {
    if (this.#observed !== undefined) return;
    this.policy = policy;
    this.#observed = 'dry-run-limit';
  }

  /** Refused, or cut, by a policy, or because of one. */
  denied(policy: string | undefined, code: string): void {
    this.policy = policy;
    this.reason = code;
  }

  /** Why an external authorizer has not said what becomes of the request. */
  unchecked(reason: string): void {
    this.transportFailure = reason;
  }

  /** The same of a request that goes on, because the authorizer is declared to be open then. */
  uncheckedBy(policy: string, reason: string): void {
    this.policy = policy;
    this.#observed = `authorizer-failed-open`;
    this.unchecked(reason);
  }

  clusterDrawn(cluster: UpstreamCluster): void {
    this.#cluster = cluster;
  }

  /** The request goes to an endpoint, the last of which is the one that counts. */
  tried(chosen: ChosenEndpoint): void {
    this.#chosen = chosen;
    if (this.#cluster !== undefined) this.upstream = this.#thread.requestLog.upstream(this.#cluster, chosen.upstream);
  }

  delayInjected(): void {
    this.#injected = DELAY_INJECTED;
  }

  connected(): void {
    this.transportFailure = undefined;
    this.#sentAt = this.#thread.reactor.now;
  }

  tryFailed(error: AmbitError | undefined): void {
    if (error === undefined) return;
    this.transportFailure = error.message;
    this.reason = error.code;
  }

  /** No endpoint was asked, for a reason of our own. */
  refusedBy(code: string): void {
    this.reason = code;
  }

  /** The client gets the head of a response. */
  responding(status: number, flags: ResponseFlags, details: string, fields?: FieldList): void {
    if (this.#telemetry?.logFormat !== undefined) this.#response = fields;
    this.status = status;
    this.flags = parseFlags(flags) | this.#injected;
    this.details = details;
    if (details !== 'via_upstream') return;
    this.upstreamServiceTime = this.#thread.reactor.now - this.#sentAt;
    this.reason = undefined;
    if (this.#messages === undefined || fields === undefined) return;
    this.#answersGrpc = isGrpcContentType(fieldValue(fields, 'content-type'));
  }

  /** The codec refused a request that nobody else has seen. */
  refused(status: number, reason: string): void {
    this.status = status;
    this.flags = DOWNSTREAM_PROTOCOL_ERROR;
    this.details = reason;
    this.end(undefined, undefined);
  }

  /** The request is over. With `flags` for another reason than `responding` said. */
  end(flags: ResponseFlags | undefined, details: string | undefined): void {
    if (flags !== undefined) this.flags = parseFlags(flags) | this.#injected;
    if (details !== undefined) this.details = details;
    if (flags === 'DC' && this.status === 0) this.upstreamServiceTime = undefined;
    this.duration = this.#thread.reactor.now - this.startedAt;
    this.reason ??= this.#observed;
    this.#count();
    if (this.trace?.recorded === true) this.#endTrace(this.trace);
    const telemetry = this.#telemetry;
    if (telemetry === undefined) this.#thread.requestLog.write(this, undefined);
    else if (telemetry.compiled.logs(this)) this.#thread.requestLog.write(this, telemetry.logFormat);
  }

  /** Begins the span of a try at the endpoint that was chosen last; undefined when nobody wants it. */
  beginTry(): TracedTry | undefined {
    const { trace } = this;
    if (trace?.recorded !== true) return undefined;
    return new TracedTry(trace, this.#thread.reactor, this.startTime - this.startedAt, this.#tryTags());
  }

  #tryTags(): (string | undefined)[] {
    const chosen = this.#chosen;
    const address = chosen === undefined ? undefined : formatSocketAddress(chosen.upstream.address);
    const cluster = this.#cluster?.compiled.name;
    return ['component', 'proxy', 'upstream_cluster', cluster, 'upstream_address', address];
  }

  #endTrace(trace: RequestTrace): void {
    const { client, authority } = this.#connection;
    const service = this.#cluster?.service ?? client.service;
    const { path = '' } = this;
    trace.endServer(
      {
        name: `${service?.hostname ?? authority}/*`,
        startTime: this.startTime,
        duration: this.duration,
        failed: this.status === 0 || this.status >= 500,
        tags: [
          ...['component', 'proxy', 'http.method', this.method, 'http.protocol', this.protocol],
          ...['http.url', `${this.scheme ?? 'http'}://${this.authority ?? authority}${path}`],
          ...['http.status_code', String(this.status), 'response_flags', formatFlags(this.flags)],
          ...['request_size', String(this.bytesReceived), 'response_size', String(this.bytesSent)],
          ...['user_agent', this.userAgent, 'guid:x-request-id', this.requestId],
          ...['grpc.status_code', this.grpcStatus === NO_GRPC_STATUS ? undefined : String(this.grpcStatus)],
          ...['upstream_cluster', this.#cluster?.compiled.name, 'peer.address', client.address.ip],
          ...(trace.meshTags ? meshTags(client, this.#chosen) : []),
          ...(this.#telemetry?.spanTags(this) ?? []),
        ],
      },
      (name) => this.header(name),
    );
  }

  /** Counts the messages that have passed since the last time, if there is somebody that they went to. */
  countMessages(): void {
    if (this.#chosen !== undefined) this.#messages?.countIn(this.#series());
  }

  #count(): void {
    const series = this.#series();
    series.record(this.status, this.grpcStatus, this.flags, this.duration, this.bytesReceived, this.bytesSent);
    if (this.#messages === undefined) return;
    this.#thread.metrics.calls.delete(this);
    if (this.#chosen !== undefined) this.#messages.countIn(series);
  }

  #series(): RequestSeries {
    const { traffic, requests } = this.#thread.metrics;
    const { client, source } = this.#connection;
    const workload = this.#chosen?.slot.endpoint.workload;
    const destination = traffic.party(workload, principalOf(workload));
    const service = this.#cluster?.service ?? client.service;
    const tags = this.#telemetry?.tags(this);
    return requests.series(source, destination, service, this.#grpc ? 'grpc' : 'http', tags);
  }
}

const DOWNSTREAM_PROTOCOL_ERROR = parseFlags('DPE');
const DELAY_INJECTED = parseFlags('DI');
