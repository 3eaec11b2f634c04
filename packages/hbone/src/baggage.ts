import { MAX_FIELD_LENGTH } from './limits.ts';

/** What a workload says about itself, for telemetry only: nothing here is verified. Empty text means unknown. */
export interface Baggage {
  readonly cluster: string;
  readonly namespace: string;
  /** `deployment`, `cronjob`, `job` or `pod`; empty when no workload is named. */
  readonly workloadType: string;
  readonly workloadName: string;
  /** Canonical service name. */
  readonly serviceName: string;
  /** Canonical revision. */
  readonly serviceVersion: string;
  readonly region: string;
  readonly zone: string;
}

const NOTHING: Baggage = {
  cluster: '',
  namespace: '',
  workloadType: '',
  workloadName: '',
  serviceName: '',
  serviceVersion: '',
  region: '',
  zone: '',
};

const WORKLOAD_TYPES: readonly string[] = ['deployment', 'cronjob', 'job', 'pod'];
const WORKLOAD_KEY = /^k8s\.(deployment|cronjob|job|pod)\.name$/;

// baggage-octet of the W3C Baggage specification, 3.2.1: visible ASCII without quote, comma, semicolon and backslash.
const VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/;

/** The `baggage` field; parts that are empty or cannot be written are left out. An unknown workload type counts as a pod. */
export function formatBaggage(baggage: Baggage): string {
  const type = baggage.workloadType.toLowerCase();
  const parts: [string, string][] = [
    ['k8s.cluster.name', baggage.cluster],
    ['k8s.namespace.name', baggage.namespace],
    [`k8s.${WORKLOAD_TYPES.includes(type) ? type : 'pod'}.name`, baggage.workloadName],
    ['service.name', baggage.serviceName],
    ['service.version', baggage.serviceVersion],
    ['cloud.region', baggage.region],
    ['cloud.availability_zone', baggage.zone],
  ];
  return parts
    .filter(([, value]) => VALUE.test(value))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

/** Reads a `baggage` field leniently: what is unknown, malformed or repeated is passed over; undefined when nothing is left. */
export function parseBaggage(text: string | undefined): Baggage | undefined {
  if (text === undefined || text.length > MAX_FIELD_LENGTH) return undefined;
  const found: { -readonly [Key in keyof Baggage]: string } = { ...NOTHING };
  let any = false;
  for (const member of text.split(',')) {
    const [pair = ''] = member.split(';');
    const at = pair.indexOf('=');
    const value = pair.slice(at + 1).trim();
    if (at < 0 || !VALUE.test(value)) continue;
    const field = fieldOf(pair.slice(0, at).trim());
    if (field === undefined || found[field] !== '') continue;
    found[field] = value;
    if (field === 'workloadName') found.workloadType = WORKLOAD_KEY.exec(pair.slice(0, at).trim())?.[1] ?? 'pod';
    any = true;
  }
  return any ? found : undefined;
}

function fieldOf(key: string): keyof Baggage | undefined {
  switch (key) {
    case 'k8s.cluster.name':
      return 'cluster';
    case 'k8s.namespace.name':
      return 'namespace';
    case 'service.name':
      return 'serviceName';
    case 'service.version':
      return 'serviceVersion';
    case 'cloud.region':
      return 'region';
    case 'cloud.availability_zone':
      return 'zone';
    default:
      return WORKLOAD_KEY.test(key) ? 'workloadName' : undefined;
  }
}
