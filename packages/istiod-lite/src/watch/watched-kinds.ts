import type { ObjectKind } from '@ambit/translation/objects';
import {
  AUTHORIZATION_POLICIES,
  BACKEND_TLS_POLICIES,
  CONFIG_MAPS,
  DESTINATION_RULES,
  ENDPOINT_SLICES,
  GATEWAY_CLASSES,
  GATEWAYS,
  GRPC_ROUTES,
  HTTP_ROUTES,
  LOCAL_RATE_LIMIT_POLICIES,
  NAMESPACES,
  NODES,
  PEER_AUTHENTICATIONS,
  PODS,
  REFERENCE_GRANTS,
  REQUEST_AUTHENTICATIONS,
  type Resource,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICE_ENTRIES,
  SERVICES,
  TCP_ROUTES,
  TELEMETRIES,
  TLS_ROUTES,
  VIRTUAL_SERVICES,
  WORKLOAD_ENTRIES,
} from '@ambit/kube/resource';

/** The kinds that make the model of a cluster; Deployments do not: their pods are there themselves. */
export type WatchedKind = Exclude<ObjectKind, 'ConfigMap' | 'Deployment' | 'Secret'>;

/** Kinds of which a cluster has too many, or too secret ones: each object is watched by itself when another one names it. */
export type NamedKind = 'ConfigMap' | 'Secret';

export const NAMED: { readonly [Kind in NamedKind]: Resource<Kind> } = {
  ConfigMap: CONFIG_MAPS,
  Secret: SECRETS,
};

export function isNamedKind(kind: string): kind is NamedKind {
  return Object.hasOwn(NAMED, kind);
}

/** Where the objects of the model live in the API. */
export const WATCHED: { readonly [Kind in WatchedKind]: Resource<Kind> } = {
  AuthorizationPolicy: AUTHORIZATION_POLICIES,
  BackendTLSPolicy: BACKEND_TLS_POLICIES,
  DestinationRule: DESTINATION_RULES,
  EndpointSlice: ENDPOINT_SLICES,
  Gateway: GATEWAYS,
  GatewayClass: GATEWAY_CLASSES,
  GRPCRoute: GRPC_ROUTES,
  HTTPRoute: HTTP_ROUTES,
  LocalRateLimitPolicy: LOCAL_RATE_LIMIT_POLICIES,
  Namespace: NAMESPACES,
  Node: NODES,
  PeerAuthentication: PEER_AUTHENTICATIONS,
  Pod: PODS,
  ReferenceGrant: REFERENCE_GRANTS,
  RequestAuthentication: REQUEST_AUTHENTICATIONS,
  Service: SERVICES,
  ServiceAccount: SERVICE_ACCOUNTS,
  ServiceEntry: SERVICE_ENTRIES,
  TCPRoute: TCP_ROUTES,
  Telemetry: TELEMETRIES,
  TLSRoute: TLS_ROUTES,
  VirtualService: VIRTUAL_SERVICES,
  WorkloadEntry: WORKLOAD_ENTRIES,
};

export const WATCHED_KINDS: readonly WatchedKind[] = Object.keys(WATCHED) as WatchedKind[];
