import { type FieldList } from '@ambit/http/h2/message-fields';

/** Octets of a message before it is framed: what one small call says, and what it returns. */
const REQUEST_MESSAGE_BYTES = 100;
const ANSWER_MESSAGE_BYTES = 1024;

/** Message with its prefix: not compressed, length (gRPC over HTTP/2, Length-Prefixed-Message). */
export const CALL: Buffer = framed(REQUEST_MESSAGE_BYTES);
export const ANSWER: Buffer = framed(ANSWER_MESSAGE_BYTES);

export const ANSWER_HEAD: FieldList = [':status', '200', 'content-type', 'application/grpc'];
export const ANSWER_TRAILERS: FieldList = ['grpc-status', '0'];

/** Ten fields as a client of gRPC sends them; two of them differ from call to call. */
export function callHead(sequence: number): FieldList {
  const timeout = 900_000 + (sequence & 0xffff);
  const span = sequence.toString(16).padStart(16, '0');
  return [
    ...[':method', 'POST', ':scheme', 'http', ':path', '/echo.EchoService/Unary'],
    ...[':authority', 'echo.bench.svc.cluster.local', 'content-type', 'application/grpc', 'te', 'trailers'],
    ...['user-agent', 'ambit-bench/1', 'grpc-accept-encoding', 'identity'],
    ...['grpc-timeout', `${timeout}u`, 'traceparent', `00-0af7651916cd43dd8448eb211c80319c-${span}-01`],
  ];
}

function framed(size: number): Buffer {
  const message = Buffer.alloc(5 + size, 'y');
  message.writeUInt8(0, 0);
  message.writeUInt32BE(size, 1);
  return message;
}
