import { type PartyLabels, type ServiceLabels, UNKNOWN } from './traffic-labels.ts';

// The labels of requests at a waypoint, in the order in which Istio's proxy writes them there
// (istio/proxy, istio_stats.cc, populatePeerInfo for ServerGateway and log).

/** Who and to whom: all labels of the message counters, and the first ones of the others. */
export const MESSAGE_LABELS: readonly string[] = [
  'reporter',
  'source_workload',
  'source_canonical_service',
  'source_canonical_revision',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'source_cluster',
  'destination_workload',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_service',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_service_name',
  'destination_service_namespace',
  'destination_cluster',
];

/** The labels of `istio_requests_total` and of the histograms. */
export const REQUEST_LABELS: readonly string[] = [
  ...MESSAGE_LABELS,
  'request_protocol',
  'response_code',
  'grpc_response_status',
  'response_flags',
  'connection_security_policy',
];

/** What the requests are. Opaque connections are counted by `TrafficMetrics` with reporter `waypoint`. */
export type RequestProtocol = 'grpc' | 'http';

/** The values of `MESSAGE_LABELS`. */
export function messageLabelValues(source: PartyLabels, destination: PartyLabels, service: ServiceLabels): string[] {
  return [
    'waypoint',
    source.workload,
    source.canonicalService,
    source.canonicalRevision,
    source.namespace,
    source.principal,
    source.canonicalService,
    source.canonicalRevision,
    source.cluster,
    destination.workload,
    destination.namespace,
    destination.principal,
    destination.canonicalService,
    destination.canonicalRevision,
    service.host,
    destination.canonicalService,
    destination.canonicalRevision,
    service.name,
    service.namespace,
    destination.cluster,
  ];
}

/** The value of `connection_security_policy`: of the connection from the source, which the waypoint terminates. */
export function securityPolicy(source: PartyLabels): string {
  return source.principal === UNKNOWN ? UNKNOWN : 'mutual_tls';
}
