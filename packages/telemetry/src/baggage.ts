import { BAGGAGE_CHARACTERS, BAGGAGE_MEMBERS } from './limits.ts';
import type { LabelledWorkload } from './traffic-labels.ts';

/** What a proxy says about its own workload in a tunnel. Trusted for labels only, never for policy. */
export interface BaggageFacts {
  readonly clusterId: string;
  readonly namespace: string;
  readonly workloadType: WorkloadKind;
  readonly workloadName: string;
  readonly canonicalName: string;
  readonly canonicalRevision: string;
  readonly region: string;
  readonly zone: string;
}

type WorkloadKind = 'cronjob' | 'deployment' | 'job' | 'pod';

const KINDS: readonly WorkloadKind[] = ['deployment', 'cronjob', 'job', 'pod'];

/** The `baggage` header about a workload; empty values are left out, what the header cannot hold is percent-encoded. */
export function formatBaggage(workload: LabelledWorkload & { readonly workloadType: WorkloadKind }): string {
  const members: readonly (readonly [string, string])[] = [
    ['k8s.cluster.name', workload.clusterId],
    ['k8s.namespace.name', workload.namespace],
    [`k8s.${workload.workloadType}.name`, workload.workloadName],
    ['service.name', workload.canonicalName],
    ['service.version', workload.canonicalRevision],
    ['cloud.region', workload.locality.region],
    ['cloud.availability_zone', workload.locality.zone],
  ];
  return members
    .filter(([, value]) => value.length > 0)
    .map(([key, value]) => `${key}=${encode(value)}`)
    .join(',');
}

/** Reads a `baggage` header of a peer: unknown keys and malformed members are passed over, oversized headers ignored. */
export function parseBaggage(header: string): BaggageFacts {
  const values = new Map<string, string>();
  if (header.length <= BAGGAGE_CHARACTERS) {
    for (const member of header.split(',', BAGGAGE_MEMBERS)) {
      const [pair = ''] = member.split(';', 1);
      const equals = pair.indexOf('=');
      if (equals > 0) values.set(pair.slice(0, equals).trim(), decode(pair.slice(equals + 1).trim()));
    }
  }
  const workloadType = KINDS.find((kind) => values.has(`k8s.${kind}.name`)) ?? 'pod';
  const value = (key: string) => values.get(key) ?? '';
  return {
    clusterId: value('k8s.cluster.name'),
    namespace: value('k8s.namespace.name'),
    workloadType,
    workloadName: value(`k8s.${workloadType}.name`),
    canonicalName: value('service.name'),
    canonicalRevision: value('service.version'),
    region: value('cloud.region'),
    zone: value('cloud.availability_zone'),
  };
}

/** W3C Baggage 3.3.1.3: everything but printable ASCII without `"`, `,`, `;`, `\` and `%` is percent-encoded. */
function encode(value: string): string {
  return value.replace(/[^\x21\x23-\x24\x26-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+/g, (part) =>
    Array.from(Buffer.from(part), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

function decode(value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
