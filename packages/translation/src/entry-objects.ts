import type { Metadata, Texts } from './objects.ts';

// The objects by which hosts and machines outside of the cluster become a part of the mesh; see objects.ts for what is typed.

export type Resolution = 'DNS' | 'DNS_ROUND_ROBIN' | 'DYNAMIC_DNS' | 'NONE' | 'STATIC';

export interface ServiceEntry {
  readonly apiVersion: string;
  readonly kind: 'ServiceEntry';
  readonly metadata: Metadata;
  readonly spec: ServiceEntrySpec;
  readonly status?: ServiceEntryStatus;
}

export interface ServiceEntrySpec {
  /** One at least. */
  readonly hosts: readonly string[];
  /** IP addresses and prefixes. None: one is allocated for each host, unless `resolution` is NONE. */
  readonly addresses?: readonly string[];
  readonly ports?: readonly EntryPort[];
  /** Absent: MESH_EXTERNAL. */
  readonly location?: 'MESH_EXTERNAL' | 'MESH_INTERNAL';
  /** Absent: NONE. */
  readonly resolution?: Resolution;
  readonly endpoints?: readonly WorkloadEntrySpec[];
  /** Of Pods and WorkloadEntries of the same namespace. */
  readonly workloadSelector?: { readonly labels?: Texts };
  /** Absent: `*`. */
  readonly exportTo?: readonly string[];
  readonly subjectAltNames?: readonly string[];
}

export interface EntryPort {
  readonly number: number;
  readonly name: string;
  /** Absent: what the begin of the name says. */
  readonly protocol?: string;
  /** Absent: the same as `number`. */
  readonly targetPort?: number;
}

export interface ServiceEntryStatus {
  /** Addresses that were allocated, one of each family for each host. */
  readonly addresses?: readonly { readonly value?: string; readonly host?: string }[];
}

export interface WorkloadEntry {
  readonly apiVersion: string;
  readonly kind: 'WorkloadEntry';
  readonly metadata: Metadata;
  readonly spec: WorkloadEntrySpec;
}

/** A machine, or an endpoint written into a ServiceEntry. */
export interface WorkloadEntrySpec {
  /** IP address or host name; `unix://…` is refused. */
  readonly address?: string;
  /** By the names of the ports of a ServiceEntry, or the named target ports of a Service. */
  readonly ports?: Readonly<Record<string, number>>;
  readonly labels?: Texts;
  readonly network?: string;
  /** `region/zone/subzone`. */
  readonly locality?: string;
  /** Absent or 0: 1. */
  readonly weight?: number;
  readonly serviceAccount?: string;
}
