import { counter, gauge, histogram, type MetricFamily } from './metric-family.ts';
import { TRAFFIC_LABELS } from './traffic-labels.ts';

// Every metric of the node proxy. Names that begin with istio_, workload_manager_ or process_ are Istio's.

const SECONDS: readonly number[] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const DNS_LABELS: readonly string[] = [
  'request_query_type',
  'request_protocol',
  'source_canonical_service',
  'source_canonical_revision',
];

export const CONNECTIONS_OPENED: MetricFamily = counter(
  'istio_tcp_connections_opened_total',
  'TCP connections opened.',
  TRAFFIC_LABELS,
);
export const CONNECTIONS_CLOSED: MetricFamily = counter(
  'istio_tcp_connections_closed_total',
  'TCP connections closed; with the labels under which they were opened.',
  TRAFFIC_LABELS,
);
export const CONNECTIONS_FAILED: MetricFamily = counter(
  'istio_tcp_connections_failed_total',
  'TCP connections that were refused or failed; response_flags says how.',
  TRAFFIC_LABELS,
);
export const RECEIVED_BYTES: MetricFamily = counter(
  'istio_tcp_received_bytes_total',
  'Bytes from the source to the destination.',
  TRAFFIC_LABELS,
);
export const SENT_BYTES: MetricFamily = counter(
  'istio_tcp_sent_bytes_total',
  'Bytes from the destination to the source.',
  TRAFFIC_LABELS,
);
export const SOCKETS_OPEN: MetricFamily = gauge('istio_tcp_sockets_open', 'Application connections open now.', [
  'reporter',
]);

export const DNS_REQUESTS: MetricFamily = counter('istio_dns_requests_total', 'DNS questions of pods.', DNS_LABELS);

export const BUILD: MetricFamily = gauge('istio_build', 'What runs here; always 1.', ['component', 'tag']);
export const XDS_TERMINATIONS: MetricFamily = counter(
  'istio_xds_connection_terminations_total',
  'Ends of the connection to the controller: ConnectionError, Error, Reconnect or Complete.',
  ['reason'],
);
export const XDS_REJECTED: MetricFamily = counter(
  'ambit_xds_rejected_resources_total',
  'Resources of the controller that were not taken; the log names field and reason.',
  ['url'],
);
export const XDS_CONNECTED: MetricFamily = gauge('ambit_xds_connected', '1 while connected to the controller.');

export const ENDPOINT_NAMES: MetricFamily = gauge(
  'ambit_endpoint_names',
  'Names by which endpoints are known: resolved, stale or unresolved.',
  ['state'],
);

export const PROXIES_ACTIVE: MetricFamily = gauge('workload_manager_active_proxy_count', 'Pods that are served.');
export const PROXIES_PENDING: MetricFamily = gauge(
  'workload_manager_pending_proxy_count',
  'Pods that are known and cannot be served yet.',
);
export const PROXIES_STARTED: MetricFamily = counter('workload_manager_proxies_started_total', 'Pods taken in.');
export const PROXIES_STOPPED: MetricFamily = counter('workload_manager_proxies_stopped_total', 'Pods let go.');

export const POLICY_DECISIONS: MetricFamily = counter(
  'ambit_policy_decisions_total',
  'Decisions about inbound connections, and requests at waypoints: the policy that decided (namespace/name, empty when ' +
    'none alone), its action, allow or deny, and why. With dry_run="true", what a policy that is not enforced would have decided.',
  ['policy', 'action', 'decision', 'reason', 'dry_run'],
);
export const CONNECTION_REFUSALS: MetricFamily = counter(
  'ambit_connection_refusals_total',
  'Connections that were refused before they were relayed, by reason code.',
  ['reporter', 'reason'],
);
export const DIRECT_FORBIDDEN: MetricFamily = counter(
  'ambit_direct_connections_forbidden_total',
  'Plaintext connections older than the enrolment of their pod that a policy forbids; result is reset, or failed when ' +
    'they are still open or could not be looked at.',
  ['result'],
);
export const CONNECT_RETRIES: MetricFamily = counter(
  'ambit_connect_retries_total',
  'Attempts at another endpoint or over a fresh tunnel before any byte was sent.',
  ['reason'],
);
export const CONNECT_SECONDS: MetricFamily = histogram(
  'ambit_connect_seconds',
  'Time from the acceptance of a connection until its other side was reached.',
  SECONDS,
  ['reporter'],
);
export const HANDSHAKES: MetricFamily = counter(
  'ambit_tls_handshakes_total',
  'TLS handshakes of tunnels; result is ok or the reason of the failure.',
  ['reporter', 'result'],
);
export const HANDSHAKE_SECONDS: MetricFamily = histogram(
  'ambit_tls_handshake_seconds',
  'Duration of TLS handshakes that succeeded.',
  SECONDS,
  ['reporter'],
);
export const CERTIFICATE_EXPIRY: MetricFamily = gauge(
  'ambit_certificate_expiry_timestamp_seconds',
  'When the certificate of an identity ends, in seconds since 1970.',
  ['identity'],
);
export const THREAD_HEARTBEAT_AGE: MetricFamily = gauge(
  'ambit_data_thread_heartbeat_age_seconds',
  'Time since the last sign of life of a data thread.',
  ['thread'],
);
export const THREAD_RESTARTS: MetricFamily = counter(
  'ambit_data_thread_restarts_total',
  'Data threads that were replaced, by reason.',
  ['reason'],
);
export const LOG_RECORDS_DROPPED: MetricFamily = counter(
  'ambit_log_records_dropped_total',
  'Access-log records that were dropped because the log could not keep up.',
);

export const SNAPSHOT_KEPT: MetricFamily = gauge(
  'ambit_snapshot_kept',
  '1 while the last state is kept over the end of the pod, 0 when its directory cannot be used; absent without one.',
);
export const SNAPSHOT_WRITTEN: MetricFamily = gauge(
  'ambit_snapshot_written_timestamp_seconds',
  'When a state was last written to the snapshot, in seconds since 1970.',
  ['state'],
);
export const SNAPSHOT_FAILURES: MetricFamily = counter(
  'ambit_snapshot_failures_total',
  'States of the snapshot that could not be written, or were refused when they were read, by reason code.',
  ['state', 'reason'],
);

export const CONNECTION_DESCRIPTORS: MetricFamily = gauge(
  'ambit_connection_descriptors',
  'Descriptors that connections hold.',
);
export const CONNECTION_DESCRIPTORS_ROOM: MetricFamily = gauge(
  'ambit_connection_descriptors_room',
  'Descriptors that connections may hold together; the rest up to the limit of the process is kept for everything else.',
);
export const LISTENERS_WAITING: MetricFamily = gauge(
  'ambit_listeners_waiting',
  'Listeners, counted per data thread, that leave connections in their queue because descriptors are short.',
);
export const DESCRIPTOR_REFUSALS: MetricFamily = counter(
  'ambit_descriptor_refusals_total',
  'Connections that were not opened because descriptors are short.',
);

export const PROCESS_OPEN_FDS: MetricFamily = gauge('process_open_fds', 'Open file descriptors.');
export const PROCESS_CPU_SECONDS: MetricFamily = counter('process_cpu_seconds_total', 'CPU time, user and system.');
export const PROCESS_RESIDENT_BYTES: MetricFamily = gauge('process_resident_memory_bytes', 'Resident memory.');
export const PROCESS_START_TIME: MetricFamily = gauge(
  'process_start_time_seconds',
  'When the process started, in seconds since 1970.',
);

/** All of them, in the order of the scrape. */
export const FAMILIES: readonly MetricFamily[] = [
  PROCESS_OPEN_FDS,
  ENDPOINT_NAMES,
  CONNECTION_DESCRIPTORS,
  CONNECTION_DESCRIPTORS_ROOM,
  LISTENERS_WAITING,
  DESCRIPTOR_REFUSALS,
  PROCESS_CPU_SECONDS,
  PROCESS_RESIDENT_BYTES,
  PROCESS_START_TIME,
  BUILD,
  CONNECTIONS_OPENED,
  CONNECTIONS_CLOSED,
  RECEIVED_BYTES,
  SENT_BYTES,
  CONNECTIONS_FAILED,
  SOCKETS_OPEN,
  POLICY_DECISIONS,
  CONNECTION_REFUSALS,
  DIRECT_FORBIDDEN,
  CONNECT_RETRIES,
  CONNECT_SECONDS,
  HANDSHAKES,
  HANDSHAKE_SECONDS,
  CERTIFICATE_EXPIRY,
  DNS_REQUESTS,
  XDS_CONNECTED,
  XDS_TERMINATIONS,
  XDS_REJECTED,
  PROXIES_ACTIVE,
  PROXIES_PENDING,
  PROXIES_STARTED,
  PROXIES_STOPPED,
  THREAD_HEARTBEAT_AGE,
  THREAD_RESTARTS,
  LOG_RECORDS_DROPPED,
  SNAPSHOT_KEPT,
  SNAPSHOT_WRITTEN,
  SNAPSHOT_FAILURES,
];
