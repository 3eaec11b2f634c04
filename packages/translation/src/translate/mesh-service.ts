import type { ServiceEntry } from '../entry-objects.ts';
import { type Metadata, objectName, type Service, type ServiceSpec } from '../objects.ts';

/** One host of a ServiceEntry, as the mesh publishes it. */
export interface EntryHost {
  readonly kind: 'ServiceEntry';
  /** Of the ServiceEntry. */
  readonly metadata: Metadata;
  readonly entry: ServiceEntry;
  /** In lower case. */
  readonly hostname: string;
  /** Its ports and selector, as a Service would have them; nothing else of it is set. */
  readonly spec: ServiceSpec;
  /** Addresses and prefixes that lead to it. */
  readonly addresses: readonly string[];
  /** Whom clients of other namespaces mean by the host. */
  readonly canonical: boolean;
  /** Seen by clients of its own namespace alone. */
  readonly namespaceOnly: boolean;
  /** Nothing is behind it: policies are for it, and what it asks for is not done. */
  readonly closed: boolean;
}

/** What clients call by a host: routes act on it, and lead to it. */
export type MeshService = EntryHost | Service;

/** Whether connections to it go where the application wanted them, to no endpoint that anybody knows. */
export function passesThrough(service: MeshService): boolean {
  return service.kind === 'ServiceEntry' && (service.entry.spec.resolution ?? 'NONE') === 'NONE' && !service.closed;
}

/** Tells one from every other. */
export function serviceName(service: MeshService): string {
  const name = `${service.kind} ${objectName(service.metadata)}`;
  return service.kind === 'Service' ? name : `${name} ${service.hostname}`;
}

/** How messages call the object. */
export function describeService({ kind, metadata }: MeshService): string {
  return `${kind} ${objectName(metadata)}`;
}
