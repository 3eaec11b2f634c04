import {
  BACKENDS,
  type Backend,
  CANARY,
  CANARY_HEADER,
  CLIENT_ACCOUNT,
  SERVER_ACCOUNT,
  SERVICE_IP,
  SERVICE_NAME,
  SERVICE_PORTS,
  type ServicePort,
  TUNNEL_PORT,
  identityOf,
} from './echo-service.ts';
import { collectorCluster, guards, judges, RECORD_PEER, tracing } from './envoy-features.ts';
import { accessLog, clusterOf, httpFilter, internalAddress, socketAddress, tls, typed } from './envoy-parts.ts';
import { RETRY } from './policies.ts';
import type { Tokens } from './tokens.ts';

export interface EnvoyWaypoint {
  /** Folder with cert.pem, key.pem, root.pem of the waypoint. */
  readonly certificates: string;
  /** Address of the pod with the backends and their tunnel end. */
  readonly serverIp: string;
  /** Path of the access log. */
  readonly accessLog: string;
  /** With everything on: what clients prove themselves with. Undefined: routes, retries and the log alone. */
  readonly tokens: Tokens | undefined;
}

type Json = Readonly<Record<string, unknown>>;

const HTTP_CONNECTION_MANAGER = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const ORIGINATE = 'connect_originate';
/** On the loopback, with everything on. */
export const ENVOY_ADMIN_PORT = 15000;
/** What routes of HTTP retry beside what is retried without a policy of theirs. */
const RETRIED: Json = {
  retriable_status_codes: [RETRY.code],
  retry_back_off: { base_interval: `${RETRY.backOffMs / 1000}s` },
};

/**
 * Envoy's bootstrap with what Istio's controller sends to a waypoint, as far as it concerns one Service: tunnels are
 * terminated at 15008, an internal listener per port routes requests, an internal listener per backend and port originates
 * the tunnel to the endpoint. Without Istio's own filters (metrics, peer metadata).
 */
export function envoyConfig(waypoint: EnvoyWaypoint): Json {
  const destinations = SERVICE_PORTS.flatMap((port) => BACKENDS.map((backend) => ({ port, backend })));
  const { serverIp, tokens } = waypoint;
  return {
    ...(tokens === undefined ? {} : { admin: { address: socketAddress('127.0.0.1', ENVOY_ADMIN_PORT) } }),
    bootstrap_extensions: [
      {
        name: 'internal_listener',
        typed_config: typed('envoy.extensions.bootstrap.internal_listener.v3.InternalListener'),
      },
    ],
    static_resources: {
      listeners: [
        terminate(waypoint),
        ...SERVICE_PORTS.map((port) => router(port, waypoint)),
        ...destinations.map(({ port, backend }) => originate(port, backend, waypoint)),
      ],
      clusters: [
        ...SERVICE_PORTS.map((port) => clusterOf(listenerOf(port), internalAddress(listenerOf(port)))),
        ...destinations.map(({ port, backend }) => upstream(port, backend, waypoint)),
        tunnels(waypoint),
        ...(tokens === undefined ? [] : [collectorCluster(serverIp)]),
      ],
    },
  };
}

/** 15008: TLS, CONNECT by CONNECT, handed on by what it asks for. */
function terminate({ certificates, tokens }: EnvoyWaypoint): Json {
  const routes = SERVICE_PORTS.map((port) => ({
    match: {
      connect_matcher: {},
      headers: [{ name: ':authority', string_match: { exact: `${SERVICE_IP}:${port.port}` } }],
    },
    route: {
      cluster: listenerOf(port),
      timeout: '0s',
      upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
    },
  }));
  return {
    name: 'connect_terminate',
    address: socketAddress('0.0.0.0', TUNNEL_PORT),
    filter_chains: [
      {
        transport_socket: tls('downstream', certificates, identityOf(CLIENT_ACCOUNT)),
        filters: [
          connectionManager(tokens === undefined ? [] : [RECORD_PEER], {
            stat_prefix: 'connect_terminate',
            codec_type: 'AUTO',
            generate_request_id: false,
            stream_idle_timeout: '0s',
            http2_protocol_options: {
              allow_connect: true,
              max_concurrent_streams: 100,
              connection_keepalive: { interval: '10s', timeout: '20s' },
            },
            upgrade_configs: [{ upgrade_type: 'CONNECT' }],
            route_config: { virtual_hosts: [{ name: 'tunnels', domains: ['*'], routes }] },
          }),
        ],
      },
    ],
  };
}

/** Requests of one port of the Service. */
function router(port: ServicePort, waypoint: EnvoyWaypoint): Json {
  const { tokens } = waypoint;
  const action = {
    timeout: '0s',
    max_stream_duration: { grpc_timeout_header_max: '0s' },
    retry_policy: {
      retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
      num_retries: RETRY.attempts,
      ...(tokens === undefined || port.name === 'grpc' ? {} : RETRIED),
      host_selection_retry_max_attempts: 5,
      retry_host_predicate: [
        {
          name: 'envoy.retry_host_predicates.previous_hosts',
          typed_config: typed('envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'),
        },
      ],
    },
  };
  const shares = BACKENDS.map((backend) => ({ name: destinationOf(port, backend), weight: backend.weight }));
  const virtualHost = {
    name: `inbound|http|${port.port}`,
    domains: ['*'],
    include_request_attempt_count: true,
    routes: [
      {
        name: 'canary',
        match: { prefix: '/', headers: [{ name: CANARY_HEADER, string_match: { exact: 'true' } }] },
        route: { cluster: destinationOf(port, CANARY), ...action },
      },
      { name: 'default', match: { prefix: '/' }, route: { weighted_clusters: { clusters: shares }, ...action } },
    ],
  };
  const filter = connectionManager(tokens === undefined ? [] : judges(tokens), {
    ...(tokens === undefined ? {} : { tracing: tracing(waypoint.serverIp) }),
    stat_prefix: `inbound-vip|${port.port}|http|${SERVICE_NAME}`,
    codec_type: 'AUTO',
    normalize_path: true,
    path_with_escaped_slashes_action: 'KEEP_UNCHANGED',
    generate_request_id: true,
    use_remote_address: false,
    proxy_100_continue: true,
    server_header_transformation: 'PASS_THROUGH',
    stream_idle_timeout: '0s',
    upgrade_configs: [{ upgrade_type: 'websocket' }],
    access_log: [accessLog(waypoint.accessLog)],
    route_config: { name: `inbound-vip|${port.port}|http|${SERVICE_NAME}`, virtual_hosts: [virtualHost] },
  });
  return { name: listenerOf(port), internal_listener: {}, filter_chains: [{ filters: [filter] }] };
}

/** A request's connection to one backend becomes a tunnel to its pod. */
function originate(port: ServicePort, backend: Backend, { serverIp }: EnvoyWaypoint): Json {
  const name = `${ORIGINATE}|${destinationOf(port, backend)}`;
  const filter = {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      ...typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'),
      stat_prefix: ORIGINATE,
      cluster: ORIGINATE,
      tunneling_config: { hostname: `${serverIp}:${backend.targetPorts[port.name]}` },
    },
  };
  return { name, internal_listener: {}, filter_chains: [{ filters: [filter] }] };
}

/** The endpoints of one backend, spoken to as its port says. */
function upstream(port: ServicePort, backend: Backend, { tokens }: EnvoyWaypoint): Json {
  const protocol = port.name === 'grpc' ? { http2_protocol_options: {} } : { http_protocol_options: {} };
  const name = destinationOf(port, backend);
  return {
    ...clusterOf(name, internalAddress(`${ORIGINATE}|${name}`)),
    ...httpOptions(protocol),
    ...(tokens === undefined ? {} : guards()),
  };
}

function tunnels({ certificates, serverIp }: EnvoyWaypoint): Json {
  return {
    ...clusterOf(ORIGINATE, socketAddress(serverIp, TUNNEL_PORT)),
    connect_timeout: '10s',
    transport_socket: tls('upstream', certificates, identityOf(SERVER_ACCOUNT)),
    ...httpOptions({
      http2_protocol_options: { allow_connect: true, connection_keepalive: { interval: '10s', timeout: '20s' } },
    }),
  };
}

function httpOptions(explicit: Json): Json {
  const name = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  return { typed_extension_protocol_options: { [name]: { ...typed(name), explicit_http_config: explicit } } };
}

/** With `filters` before the router. */
function connectionManager(filters: readonly Json[], config: Json): Json {
  const http_filters = [...filters, httpFilter('router', 'Router')];
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: { ...typed(HTTP_CONNECTION_MANAGER), ...config, http_filters },
  };
}

function listenerOf(port: ServicePort): string {
  return `main_internal|${port.port}`;
}

function destinationOf(port: ServicePort, backend: Backend): string {
  return `outbound|${port.port}||${backend.name}`;
}
