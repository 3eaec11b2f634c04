import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { MethodDefinition } from '@grpc/grpc-js';
import { type ChargeReply, ChargeReplySchema, type ChargeRequest, ChargeRequestSchema } from './gen/payments_pb.ts';

/** `shop.v1.Payments/Charge` of proto/payments.proto, for gRPC clients and servers. */
export const charge: MethodDefinition<ChargeRequest, ChargeReply> = {
  path: '/shop.v1.Payments/Charge',
  requestStream: false,
  responseStream: false,
  requestSerialize: (request) => Buffer.from(toBinary(ChargeRequestSchema, request)),
  requestDeserialize: (bytes) => fromBinary(ChargeRequestSchema, bytes),
  responseSerialize: (reply) => Buffer.from(toBinary(ChargeReplySchema, reply)),
  responseDeserialize: (bytes) => fromBinary(ChargeReplySchema, bytes),
};
