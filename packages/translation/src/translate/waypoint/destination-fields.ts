import type { ClientTls, DestinationRule, OutlierPolicy, PortPolicy, TrafficPolicy } from '../../traffic-objects.ts';
import { balancingNotHonoured } from './balancing.ts';
import { circuitBreakerOf } from './circuit-breaker.ts';
import { localityNotHonoured } from './locality-preference.ts';
import { notHonoured } from './not-honoured.ts';
import { tlsProblems } from './upstream-tls.ts';

/** Paths of the fields of a DestinationRule that are set and not honoured. */
export interface DestinationFields {
  /** What decides to whom, as whom or in the clear connections are made: without it the rule has no effect at all. */
  readonly decisive: readonly string[];
  /**
   * Connections are to go to the address that was dialled. At services that pass them through they do in any case. Of any other it
   * is the address of the service itself, where a waypoint can ask nobody who he is: there the rule has no effect at all.
   */
  readonly passthrough: readonly string[];
  /** Limits and preferences; the rest of the rule, its subsets above all, is in force without them. */
  readonly others: readonly string[];
}

const TCP_POOL = ['maxConnections', 'connectTimeout', 'tcpKeepalive', 'maxConnectionDuration', 'idleTimeout'];
const HTTP_POOL = [
  ...['http1MaxPendingRequests', 'http2MaxRequests', 'maxRequestsPerConnection', 'maxRetries', 'idleTimeout'],
  ...['h2UpgradePolicy', 'useClientProtocol', 'maxConcurrentStreams', 'http2KeepAlive'],
];
const OUTLIERS = [
  ...['consecutive5xxErrors', 'consecutiveGatewayErrors', 'splitExternalLocalOriginErrors'],
  ...['consecutiveLocalOriginFailures', 'interval', 'baseEjectionTime', 'maxEjectionPercent', 'minHealthPercent'],
];

const DECISIVE = ['tunnel', 'workloadSelector'];

export function destinationFieldsNotHonoured(rule: DestinationRule): DestinationFields {
  const { spec } = rule;
  const { trafficPolicy, subsets = [] } = spec;
  const breaker = circuitBreakerOf(rule);
  const paths = [
    ...notHonoured(spec, ['host', 'trafficPolicy', 'subsets', 'exportTo'], 'spec'),
    ...policyFields(trafficPolicy, 'spec.trafficPolicy', undefined),
    ...subsets.flatMap((subset, index) => [
      ...notHonoured(subset, ['name', 'labels', 'trafficPolicy'], `spec.subsets[${index}]`),
      ...policyFields(subset.trafficPolicy, `spec.subsets[${index}].trafficPolicy`, trafficPolicy?.outlierDetection),
    ]),
  ];
  return {
    decisive: paths.filter((path) => isDecisive(path)),
    passthrough: policiesOf(rule).flatMap(({ path, policy }) =>
      policy.loadBalancer?.simple === 'PASSTHROUGH' ? [`${path}.loadBalancer.simple PASSTHROUGH`] : [],
    ),
    others: [
      ...paths.filter((path) => !isDecisive(path)),
      ...(breaker !== undefined && 'problem' in breaker ? [breaker.problem] : []),
    ],
  };
}

/** What of a rule's TLS cannot be had: where it would hold, connections are refused. */
export function unusableTls(rule: DestinationRule): string[] {
  return tlsOf(rule).flatMap(({ path, tls }) => tlsProblems(tls).map((problem) => `${path}.tls.${problem}`));
}

/** All that a rule says of TLS: whole, by port and by subset. */
export function tlsSettings(rule: DestinationRule): ClientTls[] {
  return tlsOf(rule).map(({ tls }) => tls);
}

function tlsOf(rule: DestinationRule): { readonly path: string; readonly tls: ClientTls }[] {
  return policiesOf(rule).flatMap(({ path, policy: { tls } }) => (tls === undefined ? [] : [{ path, tls }]));
}

/** What a rule says, as a whole, by port and by subset. */
function policiesOf({ spec }: DestinationRule): { readonly path: string; readonly policy: PortPolicy }[] {
  const policies: [string, TrafficPolicy | undefined][] = [
    ['spec.trafficPolicy', spec.trafficPolicy],
    ...(spec.subsets ?? []).map(({ trafficPolicy }, index): [string, TrafficPolicy | undefined] => [
      `spec.subsets[${index}].trafficPolicy`,
      trafficPolicy,
    ]),
  ];
  return policies.flatMap(([path, policy]) =>
    policy === undefined
      ? []
      : [
          { path, policy },
          ...(policy.portLevelSettings ?? []).map((settings, index) => ({
            path: `${path}.portLevelSettings[${index}]`,
            policy: settings,
          })),
        ],
  );
}

function isDecisive(path: string): boolean {
  return DECISIVE.includes(path.split('.').at(-1) ?? '');
}

/** `inherited`: of the Service, where a subset has none of its own. */
function policyFields(policy: TrafficPolicy | undefined, path: string, inherited: OutlierPolicy | undefined): string[] {
  return [
    ...portPolicyFields(policy, ['portLevelSettings', 'proxyProtocol', 'retryBudget'], path, inherited),
    ...(policy?.portLevelSettings ?? []).flatMap((settings, index) =>
      portPolicyFields(settings, ['port'], `${path}.portLevelSettings[${index}]`, inherited),
    ),
  ];
}

function portPolicyFields(
  policy: PortPolicy | undefined,
  more: readonly string[],
  path: string,
  inherited: OutlierPolicy | undefined,
): string[] {
  const { loadBalancer, connectionPool, outlierDetection } = policy ?? {};
  return [
    ...notHonoured(policy, [...more, 'loadBalancer', 'connectionPool', 'outlierDetection', 'tls'], path),
    ...balancingNotHonoured(loadBalancer, `${path}.loadBalancer`),
    ...localityNotHonoured(
      loadBalancer?.localityLbSetting,
      (outlierDetection ?? inherited) !== undefined,
      `${path}.loadBalancer.localityLbSetting`,
    ),
    ...notHonoured(connectionPool, ['tcp', 'http'], `${path}.connectionPool`),
    ...notHonoured(connectionPool?.http, HTTP_POOL, `${path}.connectionPool.http`),
    ...notHonoured(connectionPool?.tcp, TCP_POOL, `${path}.connectionPool.tcp`),
    ...notHonoured(outlierDetection, OUTLIERS, `${path}.outlierDetection`),
  ];
}
