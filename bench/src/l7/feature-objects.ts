import { CALL_PATH } from '../grpc-exchange.ts';
import { PATH } from '../http-exchange.ts';
import { BACKENDS, CLIENT_ACCOUNT, NAMESPACE, SERVICE_NAME } from './echo-service.ts';
import {
  AUDIENCE,
  COLLECTOR_PATH,
  COLLECTOR_PORT,
  DENIED_PREFIX,
  ISSUER,
  LIMIT,
  OUTLIERS,
  PROBE_ACCOUNT,
  PROBE_PREFIX,
  RETRIES_AT_ONCE,
  SAMPLED_PERCENT,
  SUBJECT,
} from './policies.ts';
import type { Tokens } from './tokens.ts';

const ROOT_NAMESPACE = 'istio-system';
const COLLECTOR = 'collector';

/** What is on beyond routes: policies, tokens, limits, outlier detection and traces. */
export function featureObjects(tokens: Tokens, collectorIp: string): object[] {
  return [
    ...policies(),
    authentication(tokens),
    ...BACKENDS.map(({ name }) => destinationRule(name)),
    ...tracing(collectorIp),
  ];
}

function policies(): object[] {
  const principal = (account: string): string => `cluster.local/ns/${NAMESPACE}/sa/${account}`;
  const caller = {
    source: { principals: [principal(CLIENT_ACCOUNT)], requestPrincipals: [`${ISSUER}/${SUBJECT}`] },
  };
  const allow = {
    action: 'ALLOW',
    rules: [
      {
        from: [{ source: { principals: [principal(PROBE_ACCOUNT)] } }],
        to: [{ operation: { methods: ['GET'], paths: [`${PROBE_PREFIX}*`] } }],
      },
      { from: [caller], to: [{ operation: { methods: ['GET', 'HEAD'], paths: [`${PATH}*`] } }] },
      { from: [caller], to: [{ operation: { methods: ['POST'], paths: [`${CALL_PATH}*`] } }] },
    ],
  };
  const deny = { action: 'DENY', rules: [{ to: [{ operation: { paths: [`${DENIED_PREFIX}*`] } }] }] };
  return [targeted('AuthorizationPolicy', 'callers', allow), targeted('AuthorizationPolicy', 'nobody', deny)];
}

function authentication({ keys }: Tokens): object {
  return targeted('RequestAuthentication', 'tokens', {
    jwtRules: [{ issuer: ISSUER, audiences: [AUDIENCE], jwks: keys }],
  });
}

function targeted(kind: string, name: string, spec: object): object {
  return {
    apiVersion: 'security.istio.io/v1',
    kind,
    metadata: { name, namespace: NAMESPACE },
    spec: { targetRefs: [{ kind: 'Service', group: '', name: SERVICE_NAME }], ...spec },
  };
}

function destinationRule(host: string): object {
  const { consecutive5xx, ejectionSeconds, intervalSeconds, largestPercent } = OUTLIERS;
  const trafficPolicy = {
    connectionPool: {
      tcp: { maxConnections: LIMIT },
      http: { http1MaxPendingRequests: LIMIT, http2MaxRequests: LIMIT, maxRetries: RETRIES_AT_ONCE },
    },
    outlierDetection: {
      consecutive5xxErrors: consecutive5xx,
      interval: `${intervalSeconds}s`,
      baseEjectionTime: `${ejectionSeconds}s`,
      maxEjectionPercent: largestPercent,
    },
  };
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: host, namespace: NAMESPACE },
    spec: { host, trafficPolicy },
  };
}

function tracing(collectorIp: string): object[] {
  const opentelemetry = { service: collectorIp, port: COLLECTOR_PORT, http: { path: COLLECTOR_PATH } };
  return [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio', namespace: ROOT_NAMESPACE },
      // JSON is YAML.
      data: { mesh: JSON.stringify({ extensionProviders: [{ name: COLLECTOR, opentelemetry }] }) },
    },
    {
      apiVersion: 'telemetry.istio.io/v1',
      kind: 'Telemetry',
      metadata: { name: 'mesh', namespace: ROOT_NAMESPACE },
      spec: { tracing: [{ providers: [{ name: COLLECTOR }], randomSamplingPercentage: SAMPLED_PERCENT }] },
    },
  ];
}
