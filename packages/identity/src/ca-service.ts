import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type IstioCertificateRequest,
  IstioCertificateRequestSchema,
  type IstioCertificateResponse,
  IstioCertificateResponseSchema,
  IstioCertificateService,
} from '@ambit/proto/ca';
import { type MethodDefinition } from '@grpc/grpc-js';

/** The CA's one call, for gRPC clients and servers (`server.addService(caService, { CreateCertificate })`). */
export const caService: {
  readonly CreateCertificate: MethodDefinition<IstioCertificateRequest, IstioCertificateResponse>;
} = {
  CreateCertificate: {
    path: `/${IstioCertificateService.typeName}/${IstioCertificateService.method.createCertificate.name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (request) => Buffer.from(toBinary(IstioCertificateRequestSchema, request)),
    requestDeserialize: (bytes) => fromBinary(IstioCertificateRequestSchema, bytes),
    responseSerialize: (response) => Buffer.from(toBinary(IstioCertificateResponseSchema, response)),
    responseDeserialize: (bytes) => fromBinary(IstioCertificateResponseSchema, bytes),
  },
};
