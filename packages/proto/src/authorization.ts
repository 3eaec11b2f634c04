export {
  Action,
  type Address,
  AddressSchema,
  type Authorization,
  AuthorizationSchema,
  type Clause,
  ClauseSchema,
  type Match,
  MatchSchema,
  type Rule,
  RuleSchema,
  Scope,
  type ServiceAccountMatch,
  ServiceAccountMatchSchema,
  type StringMatch,
  StringMatchSchema,
} from './gen/istio/security/authorization_pb.ts';

/** The xDS type of `Authorization`. */
export const AUTHORIZATION_TYPE_URL = 'type.googleapis.com/istio.security.Authorization';
