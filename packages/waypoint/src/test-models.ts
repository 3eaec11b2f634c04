import { requireSpiffeId } from '@ambit/core/spiffe';
import { workload } from '@ambit/mesh/test-model';
import type { Workload } from '@ambit/mesh/workload';
import type { PathNormalization } from '@ambit/traffic/request/path';
import type { AuthorizationPolicy } from '@ambit/traffic/model/authorization-policy';
import type { Authorizer } from '@ambit/traffic/model/authorizer';
import type {
  CircuitBreaker,
  ConnectionPool,
  OutlierDetection,
  RetryBudget,
} from '@ambit/traffic/model/cluster-limits';
import type {
  Cluster,
  ConsistentHash,
  ClientFields,
  LocalityPreference,
  LoadBalancing,
  Protocol,
  ProxyProtocol,
  ServedService,
  UpstreamTls,
  Warmup,
} from '@ambit/traffic/model/served-service';
import type { LocalRateLimit } from '@ambit/traffic/model/local-rate-limit';
import type { Telemetry } from '@ambit/traffic/model/telemetry';
import type { TokenRule } from '@ambit/traffic/model/token-rule';
import type { TestEndpoint } from './test-endpoint.ts';
import {
  consumerOf,
  destinationOf,
  routeOf,
  type TestConsumer,
  type TestDestination,
  type TestForward,
  type TestRoute,
} from './test-routes.ts';

const HOSTNAME = 'cart.shop.svc.cluster.local';

/** Names of clusters as the controller makes them. */
export function clusterName(subset = ''): string {
  return `outbound|80|${subset}|${HOSTNAME}`;
}

/** What a test says of the service; what it leaves out has a default. */
export interface TestServiceModel {
  /** Of the one port, 80 of the service. Default `http1`. */
  readonly protocol?: Protocol;
  /** Default: to the cluster of all endpoints without retries. */
  readonly action?: Partial<TestForward>;
  /** In place of `action`: all routes of the port. */
  readonly routes?: readonly TestRoute[];
  /** Of connections whose bytes are not looked at. Default: to the cluster of all endpoints. */
  readonly destinations?: readonly TestDestination[];
  /** Of the port. Default: none. */
  readonly consumers?: readonly TestConsumer[];
  /** Default: none. */
  readonly policies?: readonly AuthorizationPolicy[];
  /** Default: none. */
  readonly tokenRules?: readonly TokenRule[];
  readonly authorizers?: readonly Authorizer[];
  /** Beside those of the service. Default: none. */
  readonly authorizerClusters?: readonly Cluster[];
  /** Default `base`. */
  readonly pathNormalization?: PathNormalization;
  /** Default 2 s. */
  readonly connectTimeoutMs?: number;
  /** Subsets by name: the endpoints in them. */
  readonly subsets?: Readonly<Record<string, readonly string[]>>;
  /** Of all clusters. Default: none. */
  readonly upstreamTls?: UpstreamTls | null;
  readonly proxyProtocol?: ProxyProtocol;
  /** Of all clusters; what is left out is not limited. Default: none. */
  readonly connectionPool?: Partial<ConnectionPool> | null;
  /** Default: what the service prefers, which is nothing. */
  readonly localityPreference?: LocalityPreference | null;
  /** What is left out is as in Istio. Default: none. */
  readonly outlierDetection?: Partial<OutlierDetection> | null;
  readonly circuitBreaker?: CircuitBreaker | null;
  readonly retryBudget?: RetryBudget | null;
  readonly telemetry?: Partial<Telemetry>;
  /** Default: nothing is told. */
  readonly clientFields?: Partial<ClientFields>;
  /** Default: none. */
  readonly rateLimits?: readonly LocalRateLimit[];
  /** Default `least-request`. */
  readonly loadBalancing?: LoadBalancing;
  readonly consistentHash?: ConsistentHash | null;
  readonly warmup?: Warmup | null;
}

const NOTHING_TOLD: ClientFields = { certificate: false, forwardedFor: 'pass' };

const NO_LIMITS: ConnectionPool = {
  maxConnections: 0,
  maxPendingRequests: 0,
  maxRequests: 0,
  maxRetries: 0,
  maxRequestsPerConnection: 0,
  maxConcurrentStreams: 0,
  maxConnectionDurationMs: 0,
  httpIdleTimeoutMs: null,
  tcpIdleTimeoutMs: 0,
  tcpKeepalive: null,
  http2Keepalive: null,
};

const OUTLIERS: OutlierDetection = {
  consecutive5xx: 5,
  consecutiveGatewayErrors: 0,
  splitLocalOrigin: false,
  consecutiveLocalOrigin: 5,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionPercent: 10,
  minHealthPercent: 0,
};

/** The service as the controller writes it down. */
export function serviceModel({
  protocol = 'http1',
  action,
  routes,
  destinations = [{ cluster: clusterName() }],
  consumers = [],
  policies = [],
  tokenRules = [],
  authorizers = [],
  authorizerClusters = [],
  pathNormalization = 'base',
  subsets = {},
  localityPreference = null,
  connectTimeoutMs = 2_000,
  upstreamTls = null,
  proxyProtocol = 'none',
  connectionPool = null,
  outlierDetection = null,
  circuitBreaker = null,
  retryBudget = null,
  telemetry,
  rateLimits = [],
  loadBalancing = 'least-request',
  consistentHash = null,
  warmup = null,
  clientFields = {},
}: TestServiceModel): ServedService {
  const forward: TestForward = { kind: 'forward', destinations: [{ cluster: clusterName() }], ...action };
  const opaque = protocol === 'tcp' || protocol === 'auto';
  return {
    resourceName: `shop/waypoint/shop/${HOSTNAME}`,
    waypointNamespace: 'shop',
    waypointName: 'waypoint',
    namespace: 'shop',
    hostname: HOSTNAME,
    workloadUid: '',
    telemetry: telemetry === undefined ? null : { accessLog: null, metrics: [], tracing: null, ...telemetry },
    ports: [
      {
        port: 80,
        protocol,
        routes: protocol === 'tcp' ? [] : (routes ?? [{ action: forward }]).map(routeOf),
        tcpDestinations: opaque ? destinations.map(destinationOf) : [],
        consumers: consumers.map(consumerOf),
      },
    ],
    tokenRules,
    authorizationPolicies: policies,
    authorizers,
    localRateLimits: rateLimits,
    clientFields: { ...NOTHING_TOLD, ...clientFields },
    pathNormalization,
    clusters: [
      ...authorizerClusters,
      ...['', ...Object.keys(subsets)].map(
        (subset): Cluster => ({
          name: clusterName(subset),
          namespace: 'shop',
          hostname: HOSTNAME,
          workloadUid: '',
          port: 80,
          protocol,
          subset,
          subsetWorkloadUids: (subsets[subset] ?? []).map((name) => `cluster//Pod/shop/${name}`),
          loadBalancing,
          localityPreference,
          connectTimeoutMs,
          upstreamTls,
          proxyProtocol,
          connectionPool: connectionPool === null ? null : { ...NO_LIMITS, ...connectionPool },
          outlierDetection: outlierDetection === null ? null : { ...OUTLIERS, ...outlierDetection },
          circuitBreaker,
          retryBudget,
          consistentHash,
          warmup,
        }),
      ),
    ],
  };
}

/** The pod of an endpoint, at its own addresses behind the waypoint; still one of the service. */
export function boundWorkload({ name, ip }: TestEndpoint, fields: Partial<Workload> = {}): Workload {
  return workload(name, {
    addresses: [ip],
    identity: requireSpiffeId('spiffe://cluster.local/ns/shop/sa/cart'),
    services: new Map([[`shop/${HOSTNAME}`, []]]),
    waypoint: { destination: { kind: 'hostname', namespace: 'shop', hostname: 'waypoint' }, hbonePort: 15008 },
    ...fields,
  });
}

/** A workload as the controller writes it down. */
export function workloadModel(uid: string, ports: Readonly<Record<number, Protocol>>): ServedService {
  const entries = Object.entries(ports).map(([port, protocol]) => ({ port: Number(port), protocol }));
  const clusterOf = (port: number): string => `workload|${port}||${uid}`;
  return {
    resourceName: `shop/waypoint/${uid}`,
    waypointNamespace: 'shop',
    waypointName: 'waypoint',
    namespace: 'shop',
    hostname: '',
    workloadUid: uid,
    telemetry: null,
    ports: entries.map(({ port, protocol }) => {
      const destinations = [{ cluster: clusterOf(port) }];
      return {
        port,
        protocol,
        routes: protocol === 'tcp' ? [] : [routeOf({ action: { kind: 'forward', destinations } })],
        tcpDestinations: protocol === 'tcp' || protocol === 'auto' ? destinations.map(destinationOf) : [],
        consumers: [],
      };
    }),
    tokenRules: [],
    authorizationPolicies: [],
    localRateLimits: [],
    authorizers: [],
    clientFields: NOTHING_TOLD,
    pathNormalization: 'base',
    clusters: entries.map(({ port, protocol }) => ({
      name: clusterOf(port),
      namespace: 'shop',
      hostname: '',
      workloadUid: uid,
      port,
      protocol,
      subset: '',
      subsetWorkloadUids: [],
      loadBalancing: 'least-request',
      localityPreference: null,
      connectTimeoutMs: 2_000,
      upstreamTls: null,
      proxyProtocol: 'none',
      connectionPool: null,
      outlierDetection: null,
      circuitBreaker: null,
      retryBudget: null,
      consistentHash: null,
      warmup: null,
    })),
  };
}
