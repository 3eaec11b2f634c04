import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from '@ambit/proto/discovery';
import type { MethodDefinition } from '@grpc/grpc-js';

/** Delta ADS for gRPC clients and servers. */
export const discoveryService: {
  readonly DeltaAggregatedResources: MethodDefinition<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
} = {
  DeltaAggregatedResources: {
    path: `/${AggregatedDiscoveryService.typeName}/${AggregatedDiscoveryService.method.deltaAggregatedResources.name}`,
    requestStream: true,
    responseStream: true,
    requestSerialize: (request) => asBuffer(toBinary(DeltaDiscoveryRequestSchema, request)),
    requestDeserialize: (bytes) => fromBinary(DeltaDiscoveryRequestSchema, bytes),
    responseSerialize: (response) => asBuffer(toBinary(DeltaDiscoveryResponseSchema, response)),
    responseDeserialize: (bytes) => fromBinary(DeltaDiscoveryResponseSchema, bytes),
  },
};

/** The same service for a server that has its responses encoded already. */
export const encodedDiscoveryService: {
  readonly DeltaAggregatedResources: MethodDefinition<DeltaDiscoveryRequest, Uint8Array>;
} = {
  DeltaAggregatedResources: {
    ...discoveryService.DeltaAggregatedResources,
    responseSerialize: asBuffer,
    responseDeserialize: (bytes) => bytes,
  },
};

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
