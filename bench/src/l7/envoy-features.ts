import { CALL_PATH } from '../grpc-exchange.ts';
import { PATH } from '../http-exchange.ts';
import { CLIENT_ACCOUNT, identityOf, SERVICE_NAME } from './echo-service.ts';
import { clusterOf, httpFilter, socketAddress, typed } from './envoy-parts.ts';
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

type Json = Readonly<Record<string, unknown>>;

/** Key of the client's identity, and of the payload of its token, where Istio's configuration leaves them. */
const PEER = 'io.istio.peer_principal';
const JWT_FILTER = 'envoy.filters.http.jwt_authn';
const PAYLOAD = 'payload';
const COLLECTOR = 'collector';
/** Tokens whose verification is kept. Istio's configuration keeps none, ours keeps them. */
const TOKENS_KEPT = 100;

/** In front of a CONNECT: what requests in the tunnel may know of its client. */
export const RECORD_PEER: Json = httpFilter('set_filter_state', 'Config', {
  on_request_headers: [
    {
      object_key: PEER,
      factory_key: 'envoy.string',
      format_string: { text_format_source: { inline_string: '%DOWNSTREAM_PEER_URI_SAN%' } },
      shared_with_upstream: 'ONCE',
    },
  ],
});

/** What judges a request, in Istio's order: its token, what is denied, what is allowed. */
export function judges(tokens: Tokens): Json[] {
  return [
    authentication(tokens),
    httpFilter('rbac', 'RBAC', { rules: DENY }),
    httpFilter('rbac', 'RBAC', { rules: ALLOW }),
  ];
}

const DENY: Json = {
  action: 'DENY',
  policies: { nobody: { principals: [{ any: true }], permissions: [permission(undefined, DENIED_PREFIX)] } },
};

const ALLOW: Json = {
  action: 'ALLOW',
  policies: {
    'callers-0': { principals: [account(PROBE_ACCOUNT)], permissions: [permission(['GET'], PROBE_PREFIX)] },
    'callers-1': { principals: [caller()], permissions: [permission(['GET', 'HEAD'], PATH)] },
    'callers-2': { principals: [caller()], permissions: [permission(['POST'], CALL_PATH)] },
  },
};

function permission(methods: readonly string[] | undefined, prefix: string): Json {
  const path = { url_path: { path: { prefix } } };
  if (methods === undefined) return path;
  const rules = methods.map((exact) => ({ header: { name: ':method', string_match: { exact } } }));
  return { and_rules: { rules: [{ or_rules: { rules } }, path] } };
}

function account(name: string): Json {
  return { filter_state: { key: PEER, string_match: { exact: identityOf(name) } } };
}

function caller(): Json {
  const claim = (key: string, exact: string): Json => {
    const metadata_matcher = {
      filter: JWT_FILTER,
      path: [{ key: PAYLOAD }, { key }],
      value: { string_match: { exact } },
    };
    return { sourced_metadata: { metadata_matcher } };
  };
  return { and_ids: { ids: [account(CLIENT_ACCOUNT), claim('iss', ISSUER), claim('sub', SUBJECT)] } };
}

/** A token may be missing, and must not be wrong. */
function authentication({ keys }: Tokens): Json {
  const provider = {
    issuer: ISSUER,
    audiences: [AUDIENCE],
    local_jwks: { inline_string: keys },
    payload_in_metadata: PAYLOAD,
    jwt_cache_config: { jwt_cache_size: TOKENS_KEPT },
  };
  const requires = { requires_any: { requirements: [{ provider_name: 'tokens' }, { allow_missing: {} }] } };
  return httpFilter('jwt_authn', 'JwtAuthentication', {
    providers: { tokens: provider },
    rules: [{ match: { prefix: '/' }, requires }],
  });
}

/** Of a connection manager. */
export function tracing(collectorIp: string): Json {
  const http_uri = {
    uri: `http://${collectorIp}:${COLLECTOR_PORT}${COLLECTOR_PATH}`,
    cluster: COLLECTOR,
    timeout: '5s',
  };
  return {
    client_sampling: { value: 100 },
    random_sampling: { value: SAMPLED_PERCENT },
    overall_sampling: { value: 100 },
    provider: {
      name: 'envoy.tracers.opentelemetry',
      typed_config: {
        ...typed('envoy.config.trace.v3.OpenTelemetryConfig'),
        http_service: { http_uri },
        service_name: SERVICE_NAME,
      },
    },
  };
}

export function collectorCluster(collectorIp: string): Json {
  return clusterOf(COLLECTOR, socketAddress(collectorIp, COLLECTOR_PORT));
}

/** Of the cluster of a backend. */
export function guards(): Json {
  const { consecutive5xx, ejectionSeconds, intervalSeconds, largestPercent } = OUTLIERS;
  const limits = {
    max_connections: LIMIT,
    max_pending_requests: LIMIT,
    max_requests: LIMIT,
    max_retries: RETRIES_AT_ONCE,
    track_remaining: true,
  };
  return {
    circuit_breakers: { thresholds: [limits] },
    outlier_detection: {
      consecutive_5xx: consecutive5xx,
      interval: `${intervalSeconds}s`,
      base_ejection_time: `${ejectionSeconds}s`,
      max_ejection_percent: largestPercent,
      enforcing_consecutive_5xx: 100,
      enforcing_success_rate: 0,
    },
  };
}
