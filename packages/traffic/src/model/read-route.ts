import type {
  DirectResponse as DirectResponseMessage,
  Forward as ForwardMessage,
  HttpRoute as Message,
  RetryPolicy as RetryMessage,
} from '@ambit/proto/waypoint';
import { headerValueProblem } from '../filters/changed-header.ts';
import { MAX_DIRECT_RESPONSE_BYTES, MAX_RETRIES } from '../limits.ts';
import type { Problems } from './problems.ts';
import { readCors } from './read-cors.ts';
import { readDestinations } from './read-destinations.ts';
import { readFault } from './read-fault.ts';
import { readHeaderChanges } from './read-header-changes.ts';
import { readMatch } from './read-match.ts';
import { readMirrors } from './read-mirrors.ts';
import { readRedirect } from './read-redirect.ts';
import { readSession } from './read-session.ts';
import { readRewrite } from './read-rewrite.ts';
import type { HttpRoute, RetryCondition, RetryPolicy, RouteAction } from './served-service.ts';

/** By the number of the enum; 0 stands for nothing. */
const CONDITIONS: readonly (RetryCondition | undefined)[] = [
  undefined,
  'connect-failure',
  'refused-stream',
  'reset',
  'reset-before-request',
  '5xx',
  'gateway-error',
  'retriable-4xx',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
  'envoy-ratelimited',
];

const PLAIN_TEXT = 'text/plain';

export function readRoute(
  message: Message,
  field: string,
  clusters: ReadonlySet<string>,
  problems: Problems,
): HttpRoute {
  if (message.name.length === 0) problems.add(`${field}.name`, 'is empty');
  return {
    name: message.name,
    matches: message.matches.map((match, index) => readMatch(match, `${field}.matches[${index}]`, problems)),
    action: readAction(message, field, clusters, problems),
    requestHeaders: readHeaderChanges(message.requestHeaders, `${field}.request_headers`, problems),
    responseHeaders: readHeaderChanges(message.responseHeaders, `${field}.response_headers`, problems),
    fault: readFault(message.fault, `${field}.fault`, problems),
    cors: readCors(message.cors, `${field}.cors`, problems),
  };
}

function readAction(message: Message, field: string, clusters: ReadonlySet<string>, problems: Problems): RouteAction {
  const { action } = message;
  switch (action.case) {
    case 'forward':
      return readForward(action.value, `${field}.forward`, clusters, problems);
    case 'directResponse':
      return readDirectResponse(action.value, `${field}.direct_response`, problems);
    case 'redirect':
      return { kind: 'redirect', ...readRedirect(action.value, `${field}.redirect`, problems) };
    case undefined:
      problems.add(`${field}.action`, 'is not set, or of a kind that this version does not know');
      return { kind: 'direct-response', status: 500, body: '', contentType: PLAIN_TEXT };
  }
}

function readForward(
  message: ForwardMessage,
  field: string,
  clusters: ReadonlySet<string>,
  problems: Problems,
): RouteAction {
  return {
    kind: 'forward',
    destinations: readDestinations(message.destinations, `${field}.destinations`, clusters, problems),
    timeoutMs: message.timeoutMs,
    retry: message.retry === undefined ? null : readRetry(message.retry, `${field}.retry`, problems),
    rewrite: readRewrite(message.rewrite, `${field}.rewrite`, problems),
    mirrors: readMirrors(message.mirrors, `${field}.mirrors`, clusters, problems),
    session: readSession(message.sessionPersistence, `${field}.session_persistence`, problems),
  };
}

function readDirectResponse(message: DirectResponseMessage, field: string, problems: Problems): RouteAction {
  const { status, body, contentType } = message;
  problems.checkFinalStatus(status, `${field}.status`);
  const size = Buffer.byteLength(body);
  if (size > MAX_DIRECT_RESPONSE_BYTES) {
    problems.add(`${field}.body`, `has ${size} bytes, more than ${MAX_DIRECT_RESPONSE_BYTES}`);
  }
  const problem = headerValueProblem(contentType);
  if (problem !== undefined) problems.add(`${field}.content_type`, problem);
  return { kind: 'direct-response', status, body, contentType: contentType.length === 0 ? PLAIN_TEXT : contentType };
}

function readRetry(message: RetryMessage, field: string, problems: Problems): RetryPolicy {
  if (message.retries > MAX_RETRIES) {
    problems.add(`${field}.retries`, `${message.retries} is more than ${MAX_RETRIES}`);
  }
  if (message.backoffBaseMs === 0) {
    problems.add(`${field}.backoff_base_ms`, 'is 0; the controller writes every default out (25)');
  }
  for (const [index, status] of message.statusCodes.entries()) {
    problems.checkFinalStatus(status, `${field}.status_codes[${index}]`);
  }
  return {
    retries: message.retries,
    conditions: message.conditions
      .map((condition, index) => problems.enumName(CONDITIONS, condition, `${field}.conditions[${index}]`))
      .filter((condition) => condition !== undefined),
    statusCodes: [...message.statusCodes],
    perTryTimeoutMs: message.perTryTimeoutMs,
    backoffBaseMs: message.backoffBaseMs,
    ignorePreviousEndpoints: message.ignorePreviousEndpoints,
    remoteLocalities: message.remoteLocalities,
  };
}
