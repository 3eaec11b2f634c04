import { grpcStatusOf, isGrpcContentType, percentEncodeMessage } from './grpc.ts';
import type { PathRefusal } from './request/path.ts';
import type { RequestFacts } from './request/request-facts.ts';
import type { ResponseFlags } from './response-flag.ts';

/** An answer that the waypoint gives itself. */
export interface LocalAnswer {
  readonly status: number;
  readonly flags: ResponseFlags;
  /** What happened, in one word of Envoy's response code details where it has one; for the access log. */
  readonly details: string;
  /** Text for the client; for gRPC its message. */
  readonly body: string;
  /** The gRPC status when it is not the one that the HTTP status maps to. */
  readonly grpcStatus: number | undefined;
}

/** The head and body of an answer; an empty body means that the head ends the response. */
export interface AnswerMessage {
  readonly fields: readonly string[];
  readonly body: string;
}

const GRPC_DEADLINE_EXCEEDED = 4;

function answer(status: number, flags: ResponseFlags, details: string, body: string, grpcStatus?: number): LocalAnswer {
  return { status, flags, details, body, grpcStatus };
}

export const ROUTE_NOT_FOUND: LocalAnswer = answer(404, 'NR', 'route_not_found', 'no route matches this request');

/** The route's destinations are none, or all weigh nothing. */
export const NO_DESTINATION: LocalAnswer = answer(500, 'NC', 'no_destination', 'the route leads nowhere');

/** The drawn backend does not exist or may not be used. */
export const INVALID_BACKEND: LocalAnswer = answer(
  500,
  'NC',
  'invalid_backend',
  'the backend of the route is not valid',
);

/** The service of the drawn cluster is not known (yet). */
export const CLUSTER_NOT_FOUND: LocalAnswer = answer(503, 'NC', 'cluster_not_found', 'the destination is not known');

export const NO_HEALTHY_UPSTREAM: LocalAnswer = answer(503, 'UH', 'no_healthy_upstream', 'no healthy upstream');

/** A limit on connections or requests to the cluster was met. */
export const OVERFLOW: LocalAnswer = answer(503, 'UO', 'overflow', 'too much for the upstream');

/** The time for the whole request is over. */
export const RESPONSE_TIMEOUT: LocalAnswer = answer(
  504,
  'UT',
  'response_timeout',
  'upstream request timeout',
  GRPC_DEADLINE_EXCEEDED,
);

export function noDestinationAnswer(reason: 'invalid-backend' | 'no-destination'): LocalAnswer {
  return reason === 'invalid-backend' ? INVALID_BACKEND : NO_DESTINATION;
}

/** 400: the path cannot be judged. */
export function refusedPathAnswer(refusal: PathRefusal): LocalAnswer {
  return answer(400, 'DPE', `path_normalization_failed{${refusal}}`, 'the path is not acceptable');
}

/** What a route answers by itself. */
export function directAnswer(status: number, body: string): LocalAnswer {
  return answer(status, '-', 'direct_response', body);
}

/** Whether a request speaks gRPC, so that a local answer must as well. */
export function isGrpcRequest(facts: RequestFacts): boolean {
  return isGrpcContentType(facts.header('content-type'));
}

/**
 * An answer as it is sent. To a gRPC client: status 200 with its gRPC status and message in the head, which ends the
 * response (trailers-only). To others: plain text; to HEAD the length without the text.
 */
export function answerMessage(
  answer: LocalAnswer,
  request: { readonly grpc: boolean; readonly head: boolean },
): AnswerMessage {
  if (request.grpc) {
    const status = answer.grpcStatus ?? grpcStatusOf(answer.status);
    const fields = [':status', '200', 'content-type', 'application/grpc', 'grpc-status', String(status)];
    if (answer.body.length > 0) fields.push('grpc-message', percentEncodeMessage(answer.body));
    return { fields, body: '' };
  }
  const fields = [':status', String(answer.status)];
  if (answer.status !== 204 && answer.status !== 304) {
    fields.push('content-length', String(Buffer.byteLength(answer.body)));
    if (answer.body.length > 0) fields.push('content-type', 'text/plain');
  }
  if (answer.flags === 'UO') fields.push('x-envoy-overloaded', 'true');
  return { fields, body: request.head || answer.status === 204 || answer.status === 304 ? '' : answer.body };
}
