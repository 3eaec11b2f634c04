export {
  HeaderValueOption_HeaderAppendAction as HeaderAppendAction,
  type HeaderValueOption,
} from './gen/envoy/config/core/v3/base_pb.ts';
export {
  Authorization,
  type CheckRequest,
  CheckRequestSchema,
  type CheckResponse,
  CheckResponseSchema,
} from './gen/envoy/service/auth/v3/external_auth_pb.ts';
