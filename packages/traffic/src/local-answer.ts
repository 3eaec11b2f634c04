import { grpcStatusOf, isGrpcContentType, percentEncodeMessage } from './grpc.ts';
import type { PathRefusal } from './request/path.ts';
import type { RequestFacts } from './request/request-facts.ts';
import type { ResponseFlags } from './response-flag.ts';
import type { OverflowReason } from './retry/attempt-outcome.ts';

/** An answer that the waypoint gives itself. */
export interface LocalAnswer {
  readonly status: number;
  readonly flags: ResponseFlags;
  /** What happened, in one word of Envoy's response code details where it has one; for the access log. */
  readonly details: string;
  /** Text for the client; for gRPC its message. */
  readonly body: string;
  /** The same as octets, where they are not those of the text. Default: UTF-8 of it. */
  readonly octets?: Buffer;
  /** The gRPC status when it is not the one that the HTTP status maps to. */
  readonly grpcStatus: number | undefined;
  /** Of the body. */
  readonly contentType: string;
  /** Further fields, name, value, name, value… */
  readonly fields: readonly string[];
}

/** The head and body of an answer; an empty body means that the head ends the response. */
export interface AnswerMessage {
  readonly fields: string[];
  readonly body: string;
}

const GRPC_DEADLINE_EXCEEDED = 4;

const NO_FIELDS: readonly string[] = [];

/** An answer with a plain text and no further fields. */
export function localAnswer(
  status: number,
  flags: ResponseFlags,
  details: string,
  body: string,
  grpcStatus?: number,
): LocalAnswer {
  return { status, flags, details, body, grpcStatus, contentType: 'text/plain', fields: NO_FIELDS };
}

export const ROUTE_NOT_FOUND: LocalAnswer = localAnswer(404, 'NR', 'route_not_found', 'no route matches this request');

/** The request is too long for the expressions of the routes (`MAX_MATCH_STEPS`): which of them it matches is not known. */
export const MATCH_TOO_COSTLY: LocalAnswer = localAnswer(
  431,
  'DPE',
  'route_match_too_costly',
  'the request is too long for the expressions of its routes',
);

/** The route's destinations are none, or all weigh nothing. */
export const NO_DESTINATION: LocalAnswer = localAnswer(500, 'NC', 'no_destination', 'the route leads nowhere');

/** The drawn backend does not exist or may not be used. */
export const INVALID_BACKEND: LocalAnswer = localAnswer(
  500,
  'NC',
  'invalid_backend',
  'the backend of the route is not valid',
);

/** Of a drawn destination that cannot be reached, or of none that could be drawn. */
export function noDestinationAnswer(drawn: object | undefined): LocalAnswer {
  return drawn === undefined ? NO_DESTINATION : INVALID_BACKEND;
}

/** The service of the drawn cluster is not known (yet). */
export const CLUSTER_NOT_FOUND: LocalAnswer = localAnswer(
  503,
  'NC',
  'cluster_not_found',
  'the destination is not known',
);

export const NO_HEALTHY_UPSTREAM: LocalAnswer = localAnswer(503, 'UH', 'no_healthy_upstream', 'no healthy upstream');

/** Endpoints there are, and all of them fail (outlier detection). */
export const ALL_ENDPOINTS_EJECTED: LocalAnswer = {
  ...NO_HEALTHY_UPSTREAM,
  details: 'no_healthy_upstream{ejected}',
  fields: ['x-ambit-reason', 'AMBIT_ENDPOINTS_EJECTED'],
};

/** A limit on connections or requests to the cluster was met, or too many requests to it fail. */
export function overflowAnswer(reason: OverflowReason): LocalAnswer {
  const isOpen = reason === 'AMBIT_CIRCUIT_OPEN';
  const body = isOpen ? 'too many requests to the upstream fail' : 'too much for the upstream';
  const answer = localAnswer(503, 'UO', isOpen ? 'circuit_breaker_open' : 'overflow', body);
  return { ...answer, fields: ['x-ambit-reason', reason] };
}

/** The endpoint has said that it takes no head, or trailers, as large as those of the request. */
export const REQUEST_TOO_LARGE: LocalAnswer = localAnswer(
  431,
  'DPE',
  'request_headers_too_large',
  'the head of the request is larger than the upstream takes',
);

/** The endpoint speaks HTTP/2, and does not offer to switch to another protocol, or not by this method. */
export const UPGRADE_NOT_OFFERED: LocalAnswer = localAnswer(
  501,
  'UPE',
  'upgrade_not_offered',
  'the upstream speaks HTTP/2 and switches to no other protocol',
);

/** The client of HTTP/2 asks for another protocol, and got a success that does not switch to it, which would read as the switch. */
export const UPGRADE_NOT_ACCEPTED: LocalAnswer = localAnswer(
  501,
  'UPE',
  'upgrade_not_accepted',
  'the upstream does not switch to the protocol asked for',
);

/** A WebSocket is asked for in HTTP/1 without the key that its answer has to prove. */
export const WEBSOCKET_KEY_MISSING: LocalAnswer = localAnswer(
  400,
  'DPE',
  'websocket_key_missing',
  'the field sec-websocket-key is missing',
);

/** The time for the whole request is over. */
export const RESPONSE_TIMEOUT: LocalAnswer = localAnswer(
  504,
  'UT',
  'response_timeout',
  'upstream request timeout',
  GRPC_DEADLINE_EXCEEDED,
);

/** 400: the path cannot be judged. */
export function refusedPathAnswer(refusal: PathRefusal): LocalAnswer {
  return localAnswer(400, 'DPE', `path_normalization_failed{${refusal}}`, 'the path is not acceptable');
}

/** 400: what a route makes of the path cannot be sent. */
export function refusedRewriteAnswer(refusal: PathRefusal): LocalAnswer {
  return localAnswer(400, 'DPE', `path_rewrite_failed{${refusal}}`, 'the path is not acceptable');
}

/** What a route answers by itself. */
export function directAnswer(status: number, body: string, contentType = 'text/plain'): LocalAnswer {
  return { ...localAnswer(status, '-', 'direct_response', body), contentType };
}

/** Whether a request speaks gRPC, so that a local answer must as well. */
export function isGrpcRequest(facts: RequestFacts): boolean {
  return isGrpcContentType(facts.header('content-type'));
}

/**
 * An answer as it is sent. To a gRPC client: status 200 with its gRPC status and message in the head, which ends the
 * response (trailers-only). To others: the text; to HEAD its length without it. The fields are the caller's to change.
 */
export function answerMessage(
  answer: LocalAnswer,
  request: { readonly grpc: boolean; readonly head: boolean },
): AnswerMessage {
  if (request.grpc) {
    const status = answer.grpcStatus ?? grpcStatusOf(answer.status);
    const fields = [':status', '200', 'content-type', 'application/grpc', 'grpc-status', String(status)];
    if (answer.body.length > 0) fields.push('grpc-message', percentEncodeMessage(answer.body));
    fields.push(...answer.fields);
    return { fields, body: '' };
  }
  const fields = [':status', String(answer.status)];
  if (answer.status !== 204 && answer.status !== 304) {
    fields.push('content-length', String(answer.octets?.length ?? Buffer.byteLength(answer.body)));
    if (answer.body.length > 0) fields.push('content-type', answer.contentType);
  }
  if (answer.flags === 'UO') fields.push('x-envoy-overloaded', 'true');
  fields.push(...answer.fields);
  return { fields, body: request.head || answer.status === 204 || answer.status === 304 ? '' : answer.body };
}
