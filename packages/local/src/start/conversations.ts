import type { Sample } from './exposition.ts';

/** Who talks to whom, as the node of the one who is talked to counts it. */
export interface Conversation {
  /** The identity that the connection proved; undefined for plain text. */
  readonly identity: string | undefined;
  /** `namespace/workload` of the caller, `unknown` where the mesh does not know it. */
  readonly source: string;
  /** `namespace/service` or, for a pod that was called by its address, `namespace/workload`. */
  readonly destination: string;
  opened: number;
  refused: number;
  /** Both directions. */
  bytes: number;
}

const OPENED = 'istio_tcp_connections_opened_total';
const FAILED = 'istio_tcp_connections_failed_total';
const BYTES: ReadonlySet<string> = new Set(['istio_tcp_received_bytes_total', 'istio_tcp_sent_bytes_total']);

/**
 * Sums what the destination side of every connection counted, per caller identity and destination; the busiest first.
 * A refusal by policy is what the proxies count with `response_flags="DENY"`.
 */
export function conversations(samples: Iterable<Sample>): Conversation[] {
  const found = new Map<string, Conversation>();
  for (const { name, labels, value } of samples) {
    if (labels['reporter'] !== 'destination') continue;
    if (name !== OPENED && name !== FAILED && !BYTES.has(name)) continue;
    const conversation = entry(found, labels);
    if (name === OPENED) conversation.opened += value;
    else if (BYTES.has(name)) conversation.bytes += value;
    else if (labels['response_flags'] === 'DENY') conversation.refused += value;
  }
  return [...found.values()].sort((a, b) => b.opened + b.refused - (a.opened + a.refused));
}

function entry(found: Map<string, Conversation>, labels: Readonly<Record<string, string>>): Conversation {
  const principal = known(labels['source_principal']);
  const source = place(labels['source_workload_namespace'], labels['source_workload']);
  const service = known(labels['destination_service_name']);
  const destination =
    service === undefined
      ? place(labels['destination_workload_namespace'], labels['destination_workload'])
      : place(labels['destination_service_namespace'], service);
  const key = `${principal ?? ''} ${source} ${destination}`;
  let conversation = found.get(key);
  if (conversation === undefined) {
    conversation = { identity: principal, source, destination, opened: 0, refused: 0, bytes: 0 };
    found.set(key, conversation);
  }
  return conversation;
}

function place(namespace: string | undefined, name: string | undefined): string {
  const workload = known(name);
  return workload === undefined ? 'unknown' : `${known(namespace) ?? '?'}/${workload}`;
}

function known(value: string | undefined): string | undefined {
  return value === undefined || value === 'unknown' || value === '' ? undefined : value;
}
