import type { Authorizer as Message, ValuePattern as PatternMessage } from '@ambit/proto/waypoint';
import { headerValueProblem, isOfConnection } from '../filters/changed-header.ts';
import { MAX_AUTHORIZERS, MAX_AUTHORIZER_HEADERS, MAX_CHECKED_BODY_BYTES } from '../limits.ts';
import type { ValuePattern } from './authorization-policy.ts';
import type { Authorizer, AuthorizerProtocol, BodyInCheck } from './authorizer.ts';
import type { Problems } from './problems.ts';

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const PATH_PREFIX = /^(?:\/[!"$->@-~]*)?$/;
const AUTHORITY = /^[A-Za-z0-9.:_[\]-]{1,300}$/;

/** Whom the policies of a resource ask. `clusterNames`: of the resource. */
export function readAuthorizers(
  messages: readonly Message[],
  clusterNames: ReadonlySet<string>,
  field: string,
  problems: Problems,
): Authorizer[] {
  problems.refuseRepeated(
    field,
    messages.map(({ name }) => name),
    'name',
  );
  if (messages.length > MAX_AUTHORIZERS) problems.add(field, `has ${messages.length}, more than ${MAX_AUTHORIZERS}`);
  return messages.map((message, index) => readAuthorizer(message, clusterNames, `${field}[${index}]`, problems));
}

/** Why a header of this name, in lower case, cannot be added to questions; undefined: it can. No question with it could be sent. */
export function addedHeaderProblem(name: string): string | undefined {
  if (!NAME.test(name)) return 'is not the name of a header in lower case';
  return name === 'host' || isOfConnection(name) ? 'belongs to the connection or to framing' : undefined;
}

function readAuthorizer(
  message: Message,
  clusterNames: ReadonlySet<string>,
  field: string,
  problems: Problems,
): Authorizer {
  const { name, cluster, timeoutMs, failOpen, statusOnError, clearRouteCache } = message;
  if (name.length === 0) problems.add(`${field}.name`, 'is empty');
  if (message.$unknown !== undefined && message.$unknown.length > 0) {
    problems.add(field, 'has a field that is not known; is the controller newer than this waypoint?');
  }
  const protocol = readProtocol(message, field, problems);
  if (protocol.kind !== 'unavailable') {
    if (!clusterNames.has(cluster)) problems.add(`${field}.cluster`, `no cluster is called ${JSON.stringify(cluster)}`);
    if (timeoutMs === 0) problems.add(`${field}.timeout_ms`, 'is 0');
    problems.checkFinalStatus(statusOnError, `${field}.status_on_error`);
  }
  return {
    ...{ name, cluster, timeoutMs, failOpen, statusOnError, clearRouteCache, protocol },
    body: readBody(message, `${field}.body`, problems),
  };
}

function readBody({ body }: Message, field: string, problems: Problems): BodyInCheck | null {
  if (body === undefined) return null;
  const { maxBytes, partial, asBytes } = body;
  if (maxBytes < 1 || maxBytes > MAX_CHECKED_BODY_BYTES) {
    problems.add(`${field}.max_bytes`, `${maxBytes} is not in the range 1 to ${MAX_CHECKED_BODY_BYTES}`);
  }
  return { maxBytes, partial, asBytes };
}

function readProtocol({ protocol }: Message, field: string, problems: Problems): AuthorizerProtocol {
  switch (protocol.case) {
    case 'unavailable':
      return { kind: 'unavailable', reason: protocol.value };
    case 'grpc': {
      const { authority } = protocol.value;
      if (!AUTHORITY.test(authority)) problems.add(`${field}.grpc.authority`, 'is not an authority');
      return { kind: 'grpc', authority };
    }
    case 'http': {
      const { pathPrefix, addedHeaders } = protocol.value;
      if (!PATH_PREFIX.test(pathPrefix)) problems.add(`${field}.http.path_prefix`, 'is not the beginning of a path');
      for (const [index, { name, value }] of addedHeaders.entries()) {
        const where = `${field}.http.added_headers[${index}]`;
        const problem = addedHeaderProblem(name);
        if (problem !== undefined) problems.add(`${where}.name`, problem);
        const valueProblem = headerValueProblem(value);
        if (valueProblem !== undefined) problems.add(`${where}.value`, valueProblem);
      }
      if (addedHeaders.length > MAX_AUTHORIZER_HEADERS) {
        problems.add(`${field}.http.added_headers`, `has ${addedHeaders.length}, more than ${MAX_AUTHORIZER_HEADERS}`);
      }
      const patterns = (list: readonly PatternMessage[], what: string): ValuePattern[] =>
        readPatterns(list, `${field}.http.${what}`, problems);
      return {
        kind: 'http',
        pathPrefix,
        addedHeaders: addedHeaders.map(({ name, value }) => ({ name, value })),
        requestHeaders: patterns(protocol.value.requestHeaders, 'request_headers'),
        upstreamHeadersOnAllow: patterns(protocol.value.upstreamHeadersOnAllow, 'upstream_headers_on_allow'),
        clientHeadersOnDeny: patterns(protocol.value.clientHeadersOnDeny, 'client_headers_on_deny'),
        clientHeadersOnAllow: patterns(protocol.value.clientHeadersOnAllow, 'client_headers_on_allow'),
      };
    }
    case undefined:
      problems.add(`${field}.protocol`, 'is not set, or of a kind that this version does not know');
      return { kind: 'unavailable', reason: '' };
  }
}

function readPatterns(messages: readonly PatternMessage[], field: string, problems: Problems): ValuePattern[] {
  if (messages.length > MAX_AUTHORIZER_HEADERS) {
    problems.add(field, `has ${messages.length}, more than ${MAX_AUTHORIZER_HEADERS}`);
  }
  return messages.map(({ kind }, index): ValuePattern => {
    if (kind.case === 'exact' || kind.case === 'prefix' || kind.case === 'suffix') {
      if (kind.value !== kind.value.toLowerCase()) problems.add(`${field}[${index}]`, 'is not in lower case');
      return { kind: kind.case, text: kind.value };
    }
    problems.add(`${field}[${index}]`, 'is neither exact nor a prefix nor a suffix');
    return { kind: 'exact', text: '' };
  });
}
