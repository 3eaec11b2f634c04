import type { DecodedFile, DecodedObject } from './decode.ts';
import type { ServiceEntry, WorkloadEntry } from './entry-objects.ts';
import type {
  BackendTlsPolicy,
  Gateway,
  GatewayClass,
  GrpcRoute,
  HttpRoute,
  ReferenceGrant,
  TcpRoute,
  TlsRoute,
} from './gateway-objects.ts';
import type { ManifestProblem, Position } from './manifest/problem.ts';
import {
  type AuthorizationPolicy,
  type ConfigMap,
  type Deployment,
  type EndpointSlice,
  type ManifestObject,
  type Namespace,
  type Node,
  type ObjectKind,
  objectName,
  type PeerAuthentication,
  type Pod,
  type RequestAuthentication,
  type Secret,
  type Service,
  type ServiceAccount,
} from './objects.ts';
import type { LocalRateLimitPolicy } from './rate-limit-objects.ts';
import type { Telemetry } from './telemetry-objects.ts';
import type { DestinationRule, VirtualService } from './traffic-objects.ts';

/** All objects in force. Keys are `namespace/name`, or the name of a cluster-wide object; iteration is in order of keys. */
export interface Model {
  readonly authorizationPolicies: ReadonlyMap<string, AuthorizationPolicy>;
  readonly backendTlsPolicies: ReadonlyMap<string, BackendTlsPolicy>;
  /** Those that hold certificates which somebody asks for, as far as they are known. */
  readonly configMaps: ReadonlyMap<string, ConfigMap>;
  readonly deployments: ReadonlyMap<string, Deployment>;
  readonly destinationRules: ReadonlyMap<string, DestinationRule>;
  readonly endpointSlices: ReadonlyMap<string, EndpointSlice>;
  readonly gatewayClasses: ReadonlyMap<string, GatewayClass>;
  readonly gateways: ReadonlyMap<string, Gateway>;
  readonly grpcRoutes: ReadonlyMap<string, GrpcRoute>;
  readonly httpRoutes: ReadonlyMap<string, HttpRoute>;
  readonly localRateLimitPolicies: ReadonlyMap<string, LocalRateLimitPolicy>;
  readonly namespaces: ReadonlyMap<string, Namespace>;
  readonly nodes: ReadonlyMap<string, Node>;
  readonly peerAuthentications: ReadonlyMap<string, PeerAuthentication>;
  readonly pods: ReadonlyMap<string, Pod>;
  readonly referenceGrants: ReadonlyMap<string, ReferenceGrant>;
  readonly requestAuthentications: ReadonlyMap<string, RequestAuthentication>;
  /** As `configMaps`; never shown. */
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly serviceAccounts: ReadonlyMap<string, ServiceAccount>;
  readonly serviceEntries: ReadonlyMap<string, ServiceEntry>;
  readonly services: ReadonlyMap<string, Service>;
  readonly tcpRoutes: ReadonlyMap<string, TcpRoute>;
  readonly telemetries: ReadonlyMap<string, Telemetry>;
  readonly tlsRoutes: ReadonlyMap<string, TlsRoute>;
  readonly virtualServices: ReadonlyMap<string, VirtualService>;
  readonly workloadEntries: ReadonlyMap<string, WorkloadEntry>;
}

/** A file and what it is: what a user wants (`manifest`), or what whoever runs the pods saw (`observation`). */
export interface ModelSource {
  readonly role: 'manifest' | 'observation';
  readonly decoded: DecodedFile;
}

export interface BuiltModel {
  readonly model: Model;
  /** Objects that stand in several files of one role: the one whose file sorts first holds. */
  readonly problems: readonly ManifestProblem[];
  /** Where an object was written, by `Kind namespace/name`. */
  readonly origins: ReadonlyMap<string, { readonly file: string; readonly position: Position }>;
}

type KindMaps = { readonly [Kind in ObjectKind]: Map<string, Extract<ManifestObject, { kind: Kind }>> };

/** Merges files into one model. The order of the files does not matter. */
export function buildModel(sources: readonly ModelSource[]): BuiltModel {
  const problems: ManifestProblem[] = [];
  const wanted = gather(sources, 'manifest', problems);
  const observed = gather(sources, 'observation', problems);
  const origins = new Map([...observed, ...wanted].map(([key, { file, position }]) => [key, { file, position }]));
  const merged = [...origins.keys()].sort().flatMap((key) => {
    const [want, observation] = [wanted.get(key)?.object, observed.get(key)?.object];
    const object =
      want === undefined ? observation : observation === undefined ? want : withObservation(want, observation);
    return object === undefined ? [] : [object];
  });
  const maps = emptyMaps();
  for (const object of merged) put(maps, object);
  return { model: modelOf(maps), problems, origins };
}

function gather(
  sources: readonly ModelSource[],
  role: ModelSource['role'],
  problems: ManifestProblem[],
): Map<string, DecodedObject> {
  const found = new Map<string, DecodedObject>();
  const files = sources.filter((source) => source.role === role).map(({ decoded }) => decoded);
  for (const decoded of files.sort((a, b) => (a.file < b.file ? -1 : 1))) {
    for (const entry of decoded.objects) {
      const key = `${entry.object.kind} ${objectName(entry.object.metadata)}`;
      const holder = found.get(key);
      if (holder === undefined) found.set(key, entry);
      else problems.push(duplicate(key, entry, holder));
    }
  }
  return found;
}

function duplicate(key: string, { file, position }: DecodedObject, holder: DecodedObject): ManifestProblem {
  return {
    file,
    position,
    object: key,
    path: 'metadata',
    message: 'the object stands in another file too, and that one holds',
    cause: `${holder.file}, line ${holder.position.line}`,
  };
}

/**
 * A wanted object with what was observed of it: status, where it runs and what the cluster gave it. Annotations are
 * merged and the observation wins; labels and everything else stay as wanted.
 */
function withObservation(wanted: ManifestObject, observed: ManifestObject): ManifestObject {
  const { uid, creationTimestamp, deletionTimestamp, ownerReferences } = observed.metadata;
  const metadata = {
    ...wanted.metadata,
    ...defined({ uid, creationTimestamp, deletionTimestamp, ownerReferences }),
    annotations: { ...wanted.metadata.annotations, ...observed.metadata.annotations },
  };
  if (wanted.kind === 'Pod' && observed.kind === 'Pod') {
    const { nodeName, serviceAccountName } = observed.spec;
    const spec = { ...defined({ serviceAccountName }), ...wanted.spec, ...defined({ nodeName }) };
    return { ...wanted, metadata, spec, ...defined({ status: observed.status }) };
  }
  if (wanted.kind === 'Service' && observed.kind === 'Service') {
    const { clusterIP, clusterIPs, ipFamilies } = observed.spec;
    return { ...wanted, metadata, spec: { ...defined({ clusterIP, clusterIPs, ipFamilies }), ...wanted.spec } };
  }
  return { ...wanted, metadata };
}

/** The entries that have a value. */
function defined<T extends object>(entries: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };
}

function emptyMaps(): KindMaps {
  return {
    AuthorizationPolicy: new Map(),
    BackendTLSPolicy: new Map(),
    ConfigMap: new Map(),
    Deployment: new Map(),
    DestinationRule: new Map(),
    EndpointSlice: new Map(),
    GRPCRoute: new Map(),
    Gateway: new Map(),
    GatewayClass: new Map(),
    HTTPRoute: new Map(),
    LocalRateLimitPolicy: new Map(),
    Namespace: new Map(),
    Node: new Map(),
    PeerAuthentication: new Map(),
    Pod: new Map(),
    ReferenceGrant: new Map(),
    RequestAuthentication: new Map(),
    Service: new Map(),
    Secret: new Map(),
    ServiceAccount: new Map(),
    ServiceEntry: new Map(),
    TCPRoute: new Map(),
    TLSRoute: new Map(),
    Telemetry: new Map(),
    VirtualService: new Map(),
    WorkloadEntry: new Map(),
  };
}

function put(maps: KindMaps, object: ManifestObject): void {
  // One map per kind: the object's own kind chooses it.
  (maps[object.kind] as Map<string, ManifestObject>).set(objectName(object.metadata), object);
}

function modelOf(maps: KindMaps): Model {
  return {
    authorizationPolicies: maps.AuthorizationPolicy,
    backendTlsPolicies: maps.BackendTLSPolicy,
    configMaps: maps.ConfigMap,
    deployments: maps.Deployment,
    destinationRules: maps.DestinationRule,
    endpointSlices: maps.EndpointSlice,
    gatewayClasses: maps.GatewayClass,
    gateways: maps.Gateway,
    grpcRoutes: maps.GRPCRoute,
    httpRoutes: maps.HTTPRoute,
    localRateLimitPolicies: maps.LocalRateLimitPolicy,
    namespaces: maps.Namespace,
    nodes: maps.Node,
    peerAuthentications: maps.PeerAuthentication,
    pods: maps.Pod,
    referenceGrants: maps.ReferenceGrant,
    requestAuthentications: maps.RequestAuthentication,
    secrets: maps.Secret,
    serviceAccounts: maps.ServiceAccount,
    serviceEntries: maps.ServiceEntry,
    services: maps.Service,
    tcpRoutes: maps.TCPRoute,
    telemetries: maps.Telemetry,
    tlsRoutes: maps.TLSRoute,
    virtualServices: maps.VirtualService,
    workloadEntries: maps.WorkloadEntry,
  };
}
