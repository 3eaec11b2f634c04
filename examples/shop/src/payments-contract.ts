import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { MethodDefinition } from '@grpc/grpc-js';
import { type ChargeReply, ChargeReplySchema, type ChargeRequest, ChargeRequestSchema } from './gen/payments_pb.ts';

type Method = MethodDefinition<ChargeRequest, ChargeReply>;

/** `shop.v1.Payments/Charge` of proto/payments.proto, for gRPC clients and servers. */
export const charge: Method = method('Charge', false, false);

/** `shop.v1.Payments/ChargeInInstalments`: one request, many answers. */
export const chargeInInstalments: Method = method('ChargeInInstalments', false, true);

/** `shop.v1.Payments/ChargeMany`: many of both. */
export const chargeMany: Method = method('ChargeMany', true, true);

/** What a single charge may come to, in cents. */
export const MOST_CENTS = 1_000_000;

/** Trailing metadata of every answer: the version of payments that gave it. */
export const VERSION_TRAILER = 'x-shop-version';

function method(name: string, requestStream: boolean, responseStream: boolean): Method {
  return {
    path: `/shop.v1.Payments/${name}`,
    requestStream,
    responseStream,
    requestSerialize: (request) => Buffer.from(toBinary(ChargeRequestSchema, request)),
    requestDeserialize: (bytes) => fromBinary(ChargeRequestSchema, bytes),
    responseSerialize: (reply) => Buffer.from(toBinary(ChargeReplySchema, reply)),
    responseDeserialize: (bytes) => fromBinary(ChargeReplySchema, bytes),
  };
}
