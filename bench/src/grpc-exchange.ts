import type { FieldList } from '@ambit/http/h2/message-fields';
import { AUTHORITY } from './http-exchange.ts';

/** Octets of a message before it is framed: what one small call says, and what it returns. */
const REQUEST_MESSAGE_BYTES = 100;
const ANSWER_MESSAGE_BYTES = 1024;

export const CALL_PATH = '/echo.EchoService/Unary';

/** Message with its prefix: not compressed, length (gRPC over HTTP/2, Length-Prefixed-Message). */
export const CALL: Buffer = framed(REQUEST_MESSAGE_BYTES, 'c');
/** Octets of an answer. */
export const ANSWER_BYTES: number = 5 + ANSWER_MESSAGE_BYTES;

/** `fill` is what the message is made of. */
export function answerOf(fill: string): Buffer {
  return framed(ANSWER_MESSAGE_BYTES, fill);
}

export const ANSWER_HEAD: FieldList = [':status', '200', 'content-type', 'application/grpc'];
export const ANSWER_TRAILERS: FieldList = ['grpc-status', '0'];

/** One call of so many says that its trace is sampled. */
const SAMPLED_EVERY = 100;

/** Ten fields as a client of gRPC sends them, and its token when it has one; two of them differ from call to call. */
export function callHead(sequence: number, token: FieldList): FieldList {
  const timeout = 900_000 + (sequence & 0xffff);
  const sampled = sequence % SAMPLED_EVERY === 0 ? '01' : '00';
  const span = sequence.toString(16).padStart(16, '0');
  return [
    ...[':method', 'POST', ':scheme', 'http', ':path', CALL_PATH],
    ...[':authority', AUTHORITY, 'content-type', 'application/grpc', 'te', 'trailers'],
    ...['user-agent', 'ambit-bench/1', 'grpc-accept-encoding', 'identity'],
    ...['grpc-timeout', `${timeout}u`, 'traceparent', `00-0af7651916cd43dd8448eb211c80319c-${span}-${sampled}`],
    ...token,
  ];
}

/** The field of a bearer token. */
export function tokenField(token: string | undefined): FieldList {
  return token === undefined ? [] : ['authorization', `Bearer ${token}`];
}

function framed(size: number, fill: string): Buffer {
  const message = Buffer.alloc(5 + size, fill);
  message.writeUInt8(0, 0);
  message.writeUInt32BE(size, 1);
  return message;
}
