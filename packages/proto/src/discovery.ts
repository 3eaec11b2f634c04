export {
  type ControlPlane,
  ControlPlaneSchema,
  type Locality,
  LocalitySchema,
  type Node,
  NodeSchema,
} from './gen/envoy/config/core/v3/base_pb.ts';
export { AggregatedDiscoveryService } from './gen/envoy/service/discovery/v3/ads_pb.ts';
export {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  type Resource,
  Resource_CacheControlSchema,
  ResourceSchema,
} from './gen/envoy/service/discovery/v3/discovery_pb.ts';
export { type Status, StatusSchema } from './gen/google/rpc/status_pb.ts';
