import { isLoopback, isUnspecified, parseIp } from '@ambit/core/address';
import type { ServiceEntry, WorkloadEntrySpec } from '../../entry-objects.ts';
import { MAX_ENTRY_ENDPOINT_PORTS, MAX_ENTRY_PORTS } from '../../limits.ts';

/** Why an object has no effect at all. */
export interface EntryRefusal {
  readonly reason: string;
  readonly message: string;
  /** Somebody would see it if it could be done. */
  readonly isSeen: boolean;
}

/** What of a ServiceEntry cannot be done; undefined: it is published. */
export function entryRefusal({ spec, metadata }: ServiceEntry): EntryRefusal | undefined {
  const unsupported = (message: string): EntryRefusal => ({ reason: 'UnsupportedValue', message, isSeen: true });
  const { hosts, resolution = 'NONE', endpoints = [], exportTo = [] } = spec;
  if (exportTo.includes('~'))
    return { reason: 'NotExported', message: 'spec.exportTo ~: nobody sees it', isSeen: false };
  const others = exportTo.filter((scope) => scope !== '*' && scope !== '.' && scope !== metadata.namespace);
  if (others.length > 0) {
    return unsupported(
      `spec.exportTo ${others.join(', ')}: node proxies tell its own namespace (.) from all (*), and nothing between`,
    );
  }
  if (resolution === 'DYNAMIC_DNS') {
    return unsupported('spec.resolution DYNAMIC_DNS: names that requests ask for are not resolved');
  }
  const wildcard = hosts.find((host) => host.startsWith('*'));
  if (wildcard !== undefined) {
    return unsupported(`spec.hosts ${wildcard}: no waypoint resolves the names that a wildcard stands for`);
  }
  const entryPorts = hosts.length * (spec.ports ?? []).length;
  if (entryPorts > MAX_ENTRY_PORTS || entryPorts * endpoints.length > MAX_ENTRY_ENDPOINT_PORTS) {
    const product = `${hosts.length} hosts with ${(spec.ports ?? []).length} ports and ${endpoints.length} endpoints`;
    return unsupported(
      `spec: ${product} are more than ${MAX_ENTRY_PORTS} ports of hosts, or ${MAX_ENTRY_ENDPOINT_PORTS} of endpoints`,
    );
  }
  for (const [index, endpoint] of endpoints.entries()) {
    const message = endpointRefusal(endpoint);
    if (message !== undefined) return unsupported(`spec.endpoints[${index}].${message}`);
  }
  return undefined;
}

/** What of an endpoint cannot be done; begins with the field. */
export function endpointRefusal({ address = '' }: WorkloadEntrySpec): string | undefined {
  if (address === '') return 'address: without one it is behind the gateway of its network, and such are not reached';
  const ip = parseIp(address);
  if (ip !== undefined && (isLoopback(ip) || isUnspecified(ip))) {
    return `address ${address}: to a proxy that is the proxy itself`;
  }
  if (address.startsWith('unix://')) return 'address: Unix sockets are not reached from node proxies';
  return undefined;
}
