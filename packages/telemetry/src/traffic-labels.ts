/** The labels of `istio_tcp_*`, in Istio's order. */
export const TRAFFIC_LABELS = [
  'reporter',
  'source_workload',
  'source_canonical_service',
  'source_canonical_revision',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'source_cluster',
  'destination_service',
  'destination_service_namespace',
  'destination_service_name',
  'destination_workload',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_cluster',
  'request_protocol',
  'response_flags',
  'connection_security_policy',
  'source_region',
  'source_zone',
  'destination_region',
  'destination_zone',
] as const;

/** Stands for every label value that is missing. */
export const UNKNOWN = 'unknown';

/** Who counts a connection: the proxy of one of its ends, or the waypoint between them. */
export const REPORTERS = ['source', 'destination', 'waypoint'] as const;

export type Reporter = (typeof REPORTERS)[number];

/** What labels take from a workload; the mesh model's Workload has it all. */
export interface LabelledWorkload {
  readonly uid: string;
  readonly namespace: string;
  readonly workloadName: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly clusterId: string;
  readonly locality: { readonly region: string; readonly zone: string };
}

/** What labels take from a service. */
export interface LabelledService {
  readonly name: string;
  readonly namespace: string;
  readonly hostname: string;
}

/** One end of a connection as labels see it. */
export interface PartyLabels {
  readonly workload: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  readonly namespace: string;
  /** `spiffe://…`, proved by mutual TLS. */
  readonly principal: string;
  readonly cluster: string;
  readonly region: string;
  readonly zone: string;
}

export interface ServiceLabels {
  readonly host: string;
  readonly namespace: string;
  readonly name: string;
}

export const UNKNOWN_SERVICE: ServiceLabels = { host: UNKNOWN, namespace: UNKNOWN, name: UNKNOWN };

/** `principal` is the URI that the end proved, undefined without mutual TLS. */
export function partyLabels(workload: LabelledWorkload | undefined, principal: string | undefined): PartyLabels {
  return {
    workload: known(workload?.workloadName),
    canonicalService: known(workload?.canonicalName),
    canonicalRevision: known(workload?.canonicalRevision),
    namespace: known(workload?.namespace),
    principal: known(principal),
    cluster: known(workload?.clusterId),
    region: known(workload?.locality.region),
    zone: known(workload?.locality.zone),
  };
}

export function serviceLabels({ hostname, namespace, name }: LabelledService): ServiceLabels {
  return { host: known(hostname), namespace: known(namespace), name: known(name) };
}

/** Whether `labels` are what `serviceLabels` gives, or `UNKNOWN_SERVICE`. */
export function areLabelsOf(labels: ServiceLabels, service: LabelledService | undefined): boolean {
  return (
    labels.host === known(service?.hostname) &&
    labels.namespace === known(service?.namespace) &&
    labels.name === known(service?.name)
  );
}

/**
 * The values of `TRAFFIC_LABELS`. Security policy is mutual TLS as soon as both ends proved who they are; at a waypoint, which
 * is the other end for the source, as soon as the source did.
 */
export function trafficLabelValues(
  reporter: Reporter,
  source: PartyLabels,
  destination: PartyLabels,
  service: ServiceLabels,
  flag: string,
): string[] {
  const mutual = source.principal !== UNKNOWN && (reporter === 'waypoint' || destination.principal !== UNKNOWN);
  return [
    reporter,
    source.workload,
    source.canonicalService,
    source.canonicalRevision,
    source.namespace,
    source.principal,
    source.canonicalService,
    source.canonicalRevision,
    source.cluster,
    service.host,
    service.namespace,
    service.name,
    destination.workload,
    destination.canonicalService,
    destination.canonicalRevision,
    destination.namespace,
    destination.principal,
    destination.canonicalService,
    destination.canonicalRevision,
    destination.cluster,
    'tcp',
    flag,
    mutual ? 'mutual_tls' : UNKNOWN,
    source.region,
    source.zone,
    destination.region,
    destination.zone,
  ];
}

function known(value: string | undefined): string {
  return value === undefined || value.length === 0 ? UNKNOWN : value;
}
