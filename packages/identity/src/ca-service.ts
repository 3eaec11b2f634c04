import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type IstioCertificateRequest,
  IstioCertificateRequestSchema,
  type IstioCertificateResponse,
  IstioCertificateResponseSchema,
  IstioCertificateService,
} from '@ambit/proto/ca';
import type { MethodDefinition } from '@grpc/grpc-js';

/** The CA's one call, for gRPC clients and servers (`server.addService(caService, { CreateCertificate })`). */
export const caService: {
  readonly CreateCertificate: MethodDefinition<IstioCertificateRequest, IstioCertificateResponse>;
} = {
  CreateCertificate: {
    path: `/${IstioCertificateService.typeName}/${IstioCertificateService.method.createCertificate.name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (request) => asBuffer(toBinary(IstioCertificateRequestSchema, request)),
    requestDeserialize: (bytes) => fromBinary(IstioCertificateRequestSchema, bytes),
    responseSerialize: (response) => asBuffer(toBinary(IstioCertificateResponseSchema, response)),
    responseDeserialize: (bytes) => fromBinary(IstioCertificateResponseSchema, bytes),
  },
};

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
