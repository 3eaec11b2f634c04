type Json = Readonly<Record<string, unknown>>;

/** Names of the fields and what Envoy puts there: Istio's access log with encoding JSON. */
const LOG_FIELDS: Json = {
  start_time: '%START_TIME%',
  route_name: '%ROUTE_NAME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
};

/** Istio lifts Envoy's default limits: the largest number of 32 bits. */
const UNLIMITED = 2 ** 32 - 1;

/** The beginning of a message in an Any. */
export function typed(message: string): { readonly '@type': string } {
  return { '@type': `type.googleapis.com/${message}` };
}

export function socketAddress(address: string, port: number): Json {
  return { socket_address: { address, port_value: port } };
}

export function internalAddress(listener: string): Json {
  return { envoy_internal_address: { server_listener_name: listener } };
}

/** One of Envoy's own filters of HTTP. */
export function httpFilter(name: string, message: string, config: Json = {}): Json {
  return {
    name: `envoy.filters.http.${name}`,
    typed_config: { ...typed(`envoy.extensions.filters.http.${name}.v3.${message}`), ...config },
  };
}

export function accessLog(path: string): Json {
  return {
    name: 'envoy.access_loggers.file',
    typed_config: {
      ...typed('envoy.extensions.access_loggers.file.v3.FileAccessLog'),
      path,
      log_format: { json_format: LOG_FIELDS },
    },
  };
}

/** A cluster of one endpoint. One that leads to an internal listener speaks plain bytes there. */
export function clusterOf(name: string, address: Json): Json {
  const limits = {
    max_connections: UNLIMITED,
    max_pending_requests: UNLIMITED,
    max_requests: UNLIMITED,
    max_retries: UNLIMITED,
    track_remaining: true,
  };
  const endpoints = [{ lb_endpoints: [{ endpoint: { address } }] }];
  return {
    name,
    type: 'STATIC',
    circuit_breakers: { thresholds: [limits] },
    load_assignment: { cluster_name: name, endpoints },
    ...('envoy_internal_address' in address ? { transport_socket: internalTransport() } : {}),
  };
}

/** TLS 1.3 with certificates of both sides; the peer must be `identity`. */
export function tls(side: 'downstream' | 'upstream', certificates: string, identity: string): Json {
  const kind = side === 'downstream' ? 'DownstreamTlsContext' : 'UpstreamTlsContext';
  const file = (name: string): Json => ({ filename: `${certificates}/${name}.pem` });
  return {
    name: 'tls',
    typed_config: {
      ...typed(`envoy.extensions.transport_sockets.tls.v3.${kind}`),
      ...(side === 'downstream' ? { require_client_certificate: true } : {}),
      common_tls_context: {
        alpn_protocols: ['h2'],
        tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
        tls_certificates: [{ certificate_chain: file('cert'), private_key: file('key') }],
        validation_context: {
          trusted_ca: file('root'),
          match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: identity } }],
        },
      },
    },
  };
}

function internalTransport(): Json {
  const raw = { name: 'raw', typed_config: typed('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer') };
  const message = 'envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport';
  return { name: 'internal_upstream', typed_config: { ...typed(message), transport_socket: raw } };
}
