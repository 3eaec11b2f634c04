import { type LoadBalancer, Protocol, RetryCondition } from '@ambit/proto/waypoint';
import { describe, expect, it } from 'vitest';
import { MAX_DIRECT_RESPONSE_BYTES, MAX_MIRRORS } from '../limits.ts';
import {
  CART,
  cartService,
  encode,
  forwardTo,
  type MatchInit,
  type RouteInit,
  read,
  type ServiceInit,
  V1,
  V2,
} from '../test-service.ts';
import { readServedService } from './read-served-service.ts';

const FULL: ServiceInit = cartService({
  requiredFeatures: [
    'consumer-routes',
    'http-routes',
    'mirrors',
    'retries',
    'source-matches',
    'subsets',
    'tcp-routes',
    'timeouts',
  ],
  ports: [
    {
      port: 80,
      protocol: Protocol.HTTP2,
      routes: [
        {
          name: 'shop/canary',
          matches: [
            {
              path: { kind: { case: 'pathPrefix', value: '/pay' }, ignoreCase: true },
              method: { kind: { case: 'exact', value: 'POST' } },
              scheme: { kind: { case: 'prefix', value: 'http' } },
              authority: { kind: { case: 'regex', value: '.*[.]shop' } },
              headers: [{ name: 'x-canary', value: { kind: { case: 'present', value: true } } }],
              withoutHeaders: [{ name: 'x-old', value: { kind: { case: 'exact', value: '' } } }],
              queryParameters: [{ name: 'Q', value: { kind: { case: 'exact', value: '1' } } }],
              source: { namespace: 'web', workloadUids: ['cluster//Pod/web/web-1'], byWorkload: true },
            },
            { source: { namespace: 'admin' } },
          ],
          action: {
            case: 'forward',
            value: {
              destinations: [
                { cluster: V1, weight: 90, mirrors: [{ cluster: V2, perMillion: 1 }] },
                { cluster: '', weight: 10 },
              ],
              mirrors: [
                { cluster: V2, perMillion: 1_000_000 },
                { cluster: '', perMillion: 500_000 },
              ],
              timeoutMs: 1_500,
              retry: {
                retries: 3,
                conditions: [
                  RetryCondition.CONNECT_FAILURE,
                  RetryCondition.REFUSED_STREAM,
                  RetryCondition.RESET,
                  RetryCondition.RESET_BEFORE_REQUEST,
                  RetryCondition.FIVE_XX,
                  RetryCondition.GATEWAY_ERROR,
                  RetryCondition.RETRIABLE_4XX,
                  RetryCondition.GRPC_CANCELLED,
                  RetryCondition.GRPC_DEADLINE_EXCEEDED,
                  RetryCondition.GRPC_INTERNAL,
                  RetryCondition.GRPC_RESOURCE_EXHAUSTED,
                  RetryCondition.GRPC_UNAVAILABLE,
                  RetryCondition.ENVOY_RATELIMITED,
                ],
                statusCodes: [503],
                perTryTimeoutMs: 500,
                backoffBaseMs: 25,
                ignorePreviousEndpoints: true,
                remoteLocalities: true,
              },
            },
          },
        },
        { name: 'teapot', action: { case: 'directResponse', value: { status: 418, body: 'short and stout' } } },
      ],
    },
    { port: 9_000, protocol: Protocol.TCP, tcpDestinations: [{ cluster: V2, weight: 1 }] },
    {
      port: 9_001,
      protocol: Protocol.AUTO,
      routes: [forwardTo(V1)],
      tcpDestinations: [{ cluster: V1, weight: 1 }],
      consumers: [
        { namespace: 'admin', tcpDestinations: [{ cluster: V2, weight: 1 }] },
        { namespace: 'web', routes: [forwardTo(V2)] },
      ],
    },
  ],
});

const anything = { case: 'present', value: true } as const;

describe('a resource', () => {
  it('is read into a model that JSON does not change', () => {
    const model = read(FULL);
    expect(model).toMatchSnapshot();
    expect(JSON.parse(JSON.stringify(model))).toEqual(model);
  });

  it('that asks for features unknown here is refused, by their names', () => {
    const bytes = encode(cartService({ requiredFeatures: ['http-routes', 'jwt', 'wasm'] }));
    expect(() => readServedService(bytes)).toThrow(
      expect.objectContaining({
        code: 'AMBIT_WAYPOINT_FEATURE',
        message: expect.stringMatching(
          new RegExp(`^resource shop/waypoint/shop/${CART}: required_features: .* jwt, wasm;`),
        ) as string,
      }),
    );
  });

  it('is refused when it is no such message', () => {
    expect(() => readServedService(Uint8Array.of(0x0a, 0x7f))).toThrow(
      expect.objectContaining({ code: 'AMBIT_WAYPOINT_RESOURCE' }),
    );
  });

  it('names every problem at once, up to a few', () => {
    const ports = [...Array(20).keys()].map(() => ({ port: 0, protocol: Protocol.TCP }));
    expect(() => read(cartService({ ports }))).toThrow(/ports\[0\]\.port.*ports\[7\]\.port.*; and 31 more$/);
  });
});

const WORKLOAD = 'cluster//Pod/shop/cart-1';
const WORKLOAD_CLUSTER = {
  name: `workload|0||${WORKLOAD}`,
  namespace: 'shop',
  workloadUid: WORKLOAD,
  connectTimeoutMs: 10_000,
};
const workloadOf = (fields: ServiceInit = {}): ServiceInit => ({
  ...{ waypointNamespace: 'shop', waypointName: 'waypoint', namespace: 'shop', workloadUid: WORKLOAD },
  ports: [{ port: 0, protocol: Protocol.AUTO, routes: [forwardTo(WORKLOAD_CLUSTER.name)] }],
  clusters: [WORKLOAD_CLUSTER],
  ...fields,
});

describe('a resource of a workload', () => {
  it('is called by it, and may have a port for all others', () => {
    expect(read(workloadOf({ requiredFeatures: ['http-routes', 'workloads'] }))).toMatchObject({
      resourceName: `shop/waypoint/${WORKLOAD}`,
      workloadUid: WORKLOAD,
      hostname: '',
      ports: [{ port: 0 }],
      clusters: [{ workloadUid: WORKLOAD, port: 0 }],
    });
  });
});

const withRoute = (route: RouteInit): ServiceInit =>
  cartService({ ports: [{ port: 80, protocol: Protocol.HTTP1, routes: [route] }] });
const withMatch = (match: MatchInit): ServiceInit => withRoute(forwardTo(V1, [match]));
const withForward = (value: object): ServiceInit => withRoute({ name: 'r', action: { case: 'forward', value } });
const withRetry = (retry: object): ServiceInit =>
  withForward({ retry: { retries: 1, conditions: [], backoffBaseMs: 25, ...retry } });
const withCluster = (fields: object): ServiceInit => {
  const [cluster] = cartService().clusters ?? [];
  return cartService({ clusters: [{ ...cluster, ...fields }] });
};
const direct = (status: number, body = ''): ServiceInit =>
  withRoute({ name: 'r', action: { case: 'directResponse', value: { status, body } } });

const VERIFIED = { trust: { case: 'systemRoots', value: true } } as const;

describe('a resource is refused when', () => {
  it.each<[string, ServiceInit, string]>([
    [
      'it has neither hostname nor workload',
      cartService({ hostname: '' }),
      'hostname: is empty, and so is workload_uid',
    ],
    ['it has both', cartService({ workloadUid: 'x' }), 'workload_uid: is set beside a hostname'],
    [
      'a cluster of a workload leads to a service',
      cartService({ hostname: '', workloadUid: 'x' }),
      'clusters[0].workload_uid: "", but the resource is of x',
    ],
    [
      'a cluster of a service leads to a workload',
      withCluster({ workloadUid: 'x', hostname: '' }),
      'clusters[0].workload_uid: "x", but the resource is of a service',
    ],
    [
      'a cluster of a workload has a subset',
      workloadOf({ clusters: [{ ...WORKLOAD_CLUSTER, subset: 'v1' }] }),
      'clusters[0].subset: is set, but a workload has none',
    ],
    ['it names no waypoint', cartService({ waypointName: '' }), 'waypoint_name: is empty'],
    ['a port is 0', cartService({ ports: [{ port: 0 }] }), 'ports[0].port: 0 is not a port'],
    ['a port is too large', cartService({ ports: [{ port: 65_536 }] }), 'ports[0].port: 65536 is not a port'],
    ['a port occurs twice', cartService({ ports: [{ port: 1 }, { port: 1 }] }), 'ports[1].port: 1 occurs twice'],
    [
      'a protocol is unknown',
      cartService({ ports: [{ port: 1, protocol: 9 as Protocol }] }),
      'ports[0].protocol: value 9 is not known',
    ],
    [
      'a TCP port has routes',
      cartService({ ports: [{ port: 1, protocol: Protocol.TCP, routes: [forwardTo(V1)] }] }),
      'ports[0].routes: a port of protocol TCP',
    ],
    [
      'an HTTP port has TCP destinations',
      cartService({ ports: [{ port: 1, protocol: Protocol.HTTP2, tcpDestinations: [{ cluster: V1, weight: 1 }] }] }),
      'ports[0].tcp_destinations: a port of protocol HTTP',
    ],
    [
      'routes are for a namespace without a name',
      cartService({ ports: [{ port: 1, consumers: [{ routes: [forwardTo(V1)] }] }] }),
      'ports[0].consumers[0].namespace: is empty',
    ],
    [
      'a namespace has routes twice',
      cartService({ ports: [{ port: 1, consumers: [{ namespace: 'a' }, { namespace: 'a' }] }] }),
      'ports[0].consumers[1].namespace: a occurs twice',
    ],
    [
      'a namespace has routes of a TCP port',
      cartService({
        ports: [{ port: 1, protocol: Protocol.TCP, consumers: [{ namespace: 'a', routes: [forwardTo(V1)] }] }],
      }),
      'ports[0].consumers[0].routes: a port of protocol TCP',
    ],
    [
      "a namespace's route leads to an unknown cluster",
      cartService({ ports: [{ port: 1, consumers: [{ namespace: 'a', routes: [forwardTo('nowhere')] }] }] }),
      'ports[0].consumers[0].routes[0].forward.destinations[0].cluster: nowhere is not among',
    ],
    [
      'workloads would not be looked at',
      withRoute(forwardTo(V1, [{ source: { workloadUids: ['a'] } }])),
      'ports[0].routes[0].matches[0].source.workload_uids: is set without by_workload',
    ],
    [
      'a TCP destination is unknown',
      cartService({ ports: [{ port: 1, protocol: Protocol.TCP, tcpDestinations: [{ cluster: 'x', weight: 1 }] }] }),
      'ports[0].tcp_destinations[0].cluster: x is not among the clusters',
    ],
    ['a route has no name', withRoute({ ...forwardTo(V1), name: '' }), 'ports[0].routes[0].name: is empty'],
    ['a route does nothing', withRoute({ name: 'r' }), 'ports[0].routes[0].action: is not set'],
    [
      'a route leads to an unknown cluster',
      withRoute(forwardTo('nowhere')),
      'ports[0].routes[0].forward.destinations[0].cluster: nowhere is not among the clusters',
    ],
    [
      'weights are too large',
      withForward({
        destinations: [
          { cluster: V1, weight: 4_294_967_295 },
          { cluster: V2, weight: 1 },
        ],
      }),
      'ports[0].routes[0].forward.destinations: the weights add up to 4294967296',
    ],
    [
      'a mirror is an unknown cluster',
      withForward({ mirrors: [{ cluster: 'nowhere' }] }),
      'ports[0].routes[0].forward.mirrors[0].cluster: nowhere is not among the clusters',
    ],
    [
      'a mirror of a destination is an unknown cluster',
      withForward({ destinations: [{ cluster: V1, mirrors: [{ cluster: 'nowhere' }] }] }),
      'ports[0].routes[0].forward.destinations[0].mirrors[0].cluster: nowhere is not among the clusters',
    ],
    [
      'a mirror gets more than everything',
      withForward({ mirrors: [{ cluster: V1, perMillion: 1_000_001 }] }),
      'ports[0].routes[0].forward.mirrors[0].per_million: 1000001 is more than a million',
    ],
    [
      'a route has too many mirrors',
      withForward({ mirrors: Array.from({ length: MAX_MIRRORS + 1 }, () => ({ cluster: V1, perMillion: 1 })) }),
      `ports[0].routes[0].forward.mirrors: are ${MAX_MIRRORS + 1}, more than ${MAX_MIRRORS}`,
    ],
    [
      'connections have mirrors',
      cartService({
        ports: [{ port: 1, protocol: Protocol.TCP, tcpDestinations: [{ cluster: V1, mirrors: [{ cluster: V2 }] }] }],
      }),
      'ports[0].tcp_destinations[0]: changes or copies requests',
    ],
    ['an answer has no final status', direct(101), 'ports[0].routes[0].direct_response.status: 101 is not'],
    ['an answer has no status', direct(600), 'ports[0].routes[0].direct_response.status: 600 is not'],
    [
      'an answer is too large',
      direct(200, 'ä'.repeat(MAX_DIRECT_RESPONSE_BYTES / 2 + 1)),
      'direct_response.body: has 1048578 bytes',
    ],
    ['there are too many retries', withRetry({ retries: 101 }), 'forward.retry.retries: 101 is more than 100'],
    [
      'an ejection has no time',
      withCluster({ outlierDetection: { intervalMs: 1n, baseEjectionMs: 0n } }),
      'clusters[0].outlier_detection.base_ejection_ms: is 0',
    ],
    [
      'an ejection has no interval',
      withCluster({ outlierDetection: { intervalMs: 0n, baseEjectionMs: 1n } }),
      'clusters[0].outlier_detection.interval_ms: is 0',
    ],
    [
      'more than all endpoints may be out',
      withCluster({ outlierDetection: { intervalMs: 1n, baseEjectionMs: 1n, maxEjectionPercent: 101 } }),
      'clusters[0].outlier_detection.max_ejection_percent: 101 is no share of 100',
    ],
    [
      'a breaker opens without a failure',
      withCluster({ circuitBreaker: { windowMs: 1n, openMs: 1n, minimumRequests: 1 } }),
      'clusters[0].circuit_breaker.failure_percent: is 0',
    ],
    [
      'a breaker judges by no request',
      withCluster({ circuitBreaker: { windowMs: 1n, openMs: 1n, failurePercent: 1 } }),
      'clusters[0].circuit_breaker.minimum_requests: is 0',
    ],
    [
      'a retry budget is no number',
      withCluster({ retryBudget: { percent: Number.NaN } }),
      'clusters[0].retry_budget.percent: NaN is no share of 100',
    ],
    ['the back-off has no base', withRetry({ backoffBaseMs: 0 }), 'forward.retry.backoff_base_ms: is 0'],
    [
      'a retry condition is unspecified',
      withRetry({ conditions: [RetryCondition.RETRY_CONDITION_UNSPECIFIED] }),
      'forward.retry.conditions[0]: value 0 is not known',
    ],
    ['a retry condition is unknown', withRetry({ conditions: [1, 99] }), 'forward.retry.conditions[1]: value 99'],
    ['a retried status is none', withRetry({ statusCodes: [503, 42] }), 'forward.retry.status_codes[1]: 42 is not'],
    ['a match says nothing', withMatch({ path: {} }), 'ports[0].routes[0].matches[0].path.kind: is not set'],
    [
      'presence is false',
      withMatch({ method: { kind: { case: 'present', value: false } } }),
      'matches[0].method.present: is false',
    ],
    [
      'an expression is invalid',
      withMatch({ authority: { kind: { case: 'regex', value: '(' } } }),
      'matches[0].authority.regex: "(" is no RE2 expression',
    ],
    [
      'an expression looks around',
      withMatch({ path: { kind: { case: 'regex', value: '/(?=a)' } } }),
      'matches[0].path.regex: "/(?=a)" is no RE2 expression',
    ],
    [
      'an expression is too long',
      withMatch({ path: { kind: { case: 'regex', value: 'a'.repeat(1_025) } } }),
      'matches[0].path.regex: has 1025 characters',
    ],
    [
      'an expression is too costly',
      withMatch({ path: { kind: { case: 'regex', value: '([ab]{100}){10}[cd]{100}' } } }),
      'is too costly',
    ],
    [
      'an expression ignores case beside itself',
      withMatch({ path: { kind: { case: 'regex', value: '/a' }, ignoreCase: true } }),
      'matches[0].path.ignore_case: goes with',
    ],
    [
      'a path prefix ends with a slash',
      withMatch({ path: { kind: { case: 'pathPrefix', value: '/' } } }),
      'matches[0].path.path_prefix: "/" is written without',
    ],
    [
      'a path prefix is relative',
      withMatch({ path: { kind: { case: 'pathPrefix', value: 'a' } } }),
      'matches[0].path.path_prefix: "a" does not begin',
    ],
    [
      'a header is compared by path segments',
      withMatch({ headers: [{ name: 'a', value: { kind: { case: 'pathPrefix', value: '/a' } } }] }),
      'matches[0].headers[0].value.path_prefix: only paths',
    ],
    [
      'a header is not in lower case',
      withMatch({ headers: [{ name: 'X-A', value: { kind: anything } }] }),
      'matches[0].headers[0].name: "X-A" is not',
    ],
    [
      'a header has no name',
      withMatch({ withoutHeaders: [{ name: '', value: { kind: anything } }] }),
      'matches[0].without_headers[0].name: "" is not',
    ],
    ['a header has no value', withMatch({ headers: [{ name: 'a' }] }), 'matches[0].headers[0].value: is not set'],
    [
      'a query parameter has no name',
      withMatch({ queryParameters: [{ name: '', value: { kind: anything } }] }),
      'matches[0].query_parameters[0].name: is empty',
    ],
    ['a cluster has no name', withCluster({ name: '' }), 'clusters[0].name: is empty'],
    ['a cluster has no hostname', withCluster({ hostname: '' }), 'clusters[0].hostname: is empty'],
    ['a cluster has no port', withCluster({ port: 0 }), 'clusters[0].port: 0 is not a port'],
    ['a cluster protocol is unknown', withCluster({ protocol: 7 }), 'clusters[0].protocol: value 7 is not known'],
    [
      'a load balancer is unknown',
      withCluster({ loadBalancer: 3 as LoadBalancer }),
      'clusters[0].load_balancer: value 3 is not known',
    ],
    ['a subset has no name', withCluster({ subset: '' }), 'clusters[0].subset_workload_uids: is set without a subset'],
    [
      'a PROXY version is unknown',
      withCluster({ proxyProtocol: 3 }),
      'clusters[0].proxy_protocol: value 3 is not known',
    ],
    ['TLS trusts nobody', withCluster({ upstreamTls: {} }), 'clusters[0].upstream_tls.trust: is not set'],
    [
      'TLS trusts an authority without certificate',
      withCluster({ upstreamTls: { trust: { case: 'caPem', value: '' } } }),
      'clusters[0].upstream_tls.ca_pem: has 0 characters',
    ],
    [
      'TLS is to be unverified and is not',
      withCluster({ upstreamTls: { trust: { case: 'unverified', value: false } } }),
      'clusters[0].upstream_tls.trust: is chosen and false',
    ],
    [
      'a server name is none',
      withCluster({ upstreamTls: { ...VERIFIED, serverName: 'a b' } }),
      'clusters[0].upstream_tls.server_name: "a b" is not a host',
    ],
    [
      'an accepted name is of no kind',
      withCluster({ upstreamTls: { ...VERIFIED, acceptedNames: [{}] } }),
      'clusters[0].upstream_tls.accepted_names[0]: is of no kind',
    ],
    [
      'an accepted address is none',
      withCluster({ upstreamTls: { ...VERIFIED, acceptedNames: [{ kind: { case: 'ip', value: '300.0.0.1' } }] } }),
      'clusters[0].upstream_tls.accepted_names[0].ip: "300.0.0.1" is not an IP address',
    ],
    [
      'too many names are accepted',
      withCluster({
        upstreamTls: { ...VERIFIED, acceptedNames: Array(65).fill({ kind: { case: 'dns', value: 'a' } }) },
      }),
      'clusters[0].upstream_tls.accepted_names: 65 names, more than 64',
    ],
    [
      'revoked certificates stand beside the roots of the runtime',
      withCluster({ upstreamTls: { ...VERIFIED, crlPem: 'x' } }),
      'clusters[0].upstream_tls.crl_pem: is set without ca_pem',
    ],
    [
      'a client certificate has no namespace',
      withCluster({ upstreamTls: { ...VERIFIED, clientCertificate: 'x' } }),
      'clusters[0].upstream_tls.client_certificate: "x" is not namespace/name',
    ],
    ['a connect timeout is 0', withCluster({ connectTimeoutMs: 0 }), 'clusters[0].connect_timeout_ms: is 0'],
    [
      'two clusters have one name',
      cartService({ clusters: [...(cartService().clusters ?? []), ...(cartService().clusters ?? [])] }),
      `clusters[2].name: ${V1} occurs twice`,
    ],
  ])('%s', (_case, service, problem) => {
    expect(() => read(service)).toThrow(
      expect.objectContaining({
        code: 'AMBIT_WAYPOINT_RESOURCE',
        message: expect.stringContaining(problem) as string,
      }),
    );
  });
});
