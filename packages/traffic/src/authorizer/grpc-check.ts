import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { SocketAddress } from '@ambit/core/address';
import {
  type CheckResponse,
  CheckRequestSchema,
  CheckResponseSchema,
  type HeaderValueOption,
} from '@ambit/proto/ext-authz';
import { isGrpcContentType } from '../grpc.ts';
import { fromOctets, toOctets } from '../match/octets.ts';
import { fieldValue } from '../request/field-list.ts';
import type { AuthorizerAnswer, Question } from './compiled-authorizer.ts';
import { type CheckResult, denial, failed } from './check-result.ts';
import {
  type CheckedClient,
  type CheckedContent,
  type CheckedRequest,
  eachField,
  PARTIAL_BODY,
} from './checked-request.ts';
import { FieldChangesReader } from './field-changes.ts';

/** Of a message: whether it is compressed, and its length. */
const FRAME_HEAD_BYTES = 5;

interface GrpcCheck {
  readonly request: CheckedRequest;
  readonly client: CheckedClient;
  readonly content: CheckedContent | undefined;
  readonly asBytes: boolean;
}

/** The call envoy.service.auth.v3.Authorization/Check. */
export function grpcQuestion(authority: string, timeoutMs: number, check: GrpcCheck): Question {
  const message = toBinary(CheckRequestSchema, messageOf(check));
  const body = Buffer.alloc(FRAME_HEAD_BYTES + message.length);
  body.writeUInt32BE(message.length, 1);
  body.set(message, FRAME_HEAD_BYTES);
  const head = [
    ...[':method', 'POST', ':scheme', 'http', ':authority', authority],
    ...[':path', '/envoy.service.auth.v3.Authorization/Check', 'content-type', 'application/grpc', 'te', 'trailers'],
    ...['grpc-timeout', timeoutMs < 100_000_000 ? `${timeoutMs}m` : `${Math.floor(timeoutMs / 1000)}S`],
    ...['x-request-id', check.request.id],
  ];
  return { head, body };
}

function messageOf({
  request,
  client,
  content,
  asBytes,
}: GrpcCheck): ReturnType<typeof create<typeof CheckRequestSchema>> {
  const { facts, id, version, time } = request;
  const { method, scheme, authority, forwardedPath } = facts;
  const headers: Record<string, string> = Object.assign(Object.create(null) as Record<string, string>, {
    ':method': method,
    ':scheme': scheme,
    ':authority': fromOctets(authority),
    ':path': fromOctets(forwardedPath),
  });
  eachField(request, (name, value) => {
    const before = headers[name];
    const text = fromOctets(value);
    headers[name] = before === undefined ? text : `${before}${name === 'cookie' ? '; ' : ','}${text}`;
  });
  if (content !== undefined) headers[PARTIAL_BODY] = String(content.partial);
  const length = content === undefined ? Number(facts.header('content-length') ?? '-1') : content.bytes.length;
  const bytes = content?.bytes;
  return create(CheckRequestSchema, {
    attributes: {
      source: { address: addressOf(client.address), principal: client.principal },
      destination: { address: addressOf(client.dialled), principal: client.ownPrincipal },
      request: {
        time: timestampFromMs(time),
        http: {
          ...{ id, method, headers, scheme, protocol: version },
          path: fromOctets(forwardedPath),
          host: fromOctets(authority),
          size: BigInt(Number.isSafeInteger(length) ? length : -1),
          ...(bytes === undefined ? {} : asBytes ? { rawBody: bytes } : { body: bytes.toString('utf8') }),
        },
      },
    },
  });
}

function addressOf({ ip, port }: SocketAddress): object {
  return {
    address: {
      case: 'socketAddress' as const,
      value: { address: ip, portSpecifier: { case: 'portValue' as const, value: port } },
    },
  };
}

/** What the call gave. @throws when the message cannot be read. */
export function readGrpcAnswer({ head, body, trailers }: AuthorizerAnswer): CheckResult {
  const status = Number(head[1]);
  if (status !== 200) return failed(`it answered ${status} in place of gRPC`);
  const grpcStatus = fieldValue(trailers, 'grpc-status') ?? fieldValue(head, 'grpc-status');
  if (grpcStatus !== '0')
    return failed(
      grpcStatus === undefined ? 'it ended the call without a status' : `it ended the call with status ${grpcStatus}`,
    );
  if (!isGrpcContentType(fieldValue(head, 'content-type'))) return failed('its answer is not of gRPC');
  if (body.length < FRAME_HEAD_BYTES) return failed('its answer has no message');
  if (body[0] !== 0) return failed('its answer is compressed, which was not asked for');
  if (body.readUInt32BE(1) !== body.length - FRAME_HEAD_BYTES) return failed('its answer is not one message');
  return resultOf(fromBinary(CheckResponseSchema, body.subarray(FRAME_HEAD_BYTES)));
}

function resultOf({ status, httpResponse }: CheckResponse): CheckResult {
  // Nothing at all is no permission.
  if (status === undefined && httpResponse.case === undefined) return failed('its answer says nothing');
  const isAllowed = status === undefined ? httpResponse.case === 'okResponse' : status.code === 0;
  if (!isAllowed) {
    const denied = httpResponse.case === 'deniedResponse' ? httpResponse.value : undefined;
    const code = denied?.status?.code ?? 0;
    const reader = new FieldChangesReader();
    for (const option of denied?.headers ?? []) put(reader, option, 'add', 'add');
    if (reader.problem !== undefined) return failed(reader.problem);
    return denial(code >= 200 && code <= 599 ? code : 403, reader.changes?.add ?? [], Buffer.from(denied?.body ?? ''));
  }
  if (httpResponse.case === 'deniedResponse') return failed('its answer allows and denies');
  if (httpResponse.case === undefined) return { kind: 'allowed', request: undefined, response: undefined };
  const { headers, headersToRemove, responseHeadersToAdd, queryParametersToSet, queryParametersToRemove } =
    httpResponse.value;
  if (queryParametersToSet.length > 0 || queryParametersToRemove.length > 0) {
    return failed('its answer changes the query, which is not honoured');
  }
  const [request, response] = [new FieldChangesReader(), new FieldChangesReader()];
  // Of requests `append` alone says it, and one that is not there is not appended to (Envoy).
  for (const option of headers) put(request, option, 'set', option.append === true ? 'addIfPresent' : 'set');
  for (const name of headersToRemove) request.remove(name);
  for (const option of responseHeadersToAdd) put(response, option, option.append === false ? 'set' : 'add', undefined);
  const problem = request.problem ?? response.problem;
  if (problem !== undefined) return failed(problem);
  return { kind: 'allowed', request: request.changes, response: response.changes };
}

/** By `append_action`. */
const PARTS = ['add', 'addIfAbsent', 'set', 'setIfPresent'] as const;

/** `fixed`: what is done whatever `append_action` says. */
function put(
  reader: FieldChangesReader,
  { header, append, appendAction }: HeaderValueOption,
  byAppend: 'add' | 'set',
  fixed: 'add' | 'addIfPresent' | 'set' | undefined,
): void {
  if (header === undefined) return;
  const { key, value, rawValue } = header;
  const text = rawValue.length > 0 ? Buffer.from(rawValue).toString('latin1') : toOctets(value);
  const part = fixed ?? (append === undefined ? PARTS[appendAction] : byAppend);
  if (part === undefined) reader.problem ??= 'a header is to be changed in a way that is not known';
  else reader.put(part, key, text);
}
