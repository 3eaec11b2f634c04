/** Addresses of a cluster, the same in every one: each has its own network namespace. IPv4 only. */
export const CONTROL_ADDRESS = '10.99.0.1';
export const API_SERVER: string = `https://${CONTROL_ADDRESS}:6443`;
export const NODE_PREFIX_LENGTH = 24;
export const POD_CIDR = '10.100.0.0/16';
export const SERVICE_CIDR = '10.101.0.0/16';
/** Service `kubernetes`. */
export const API_SERVICE_ADDRESS = '10.101.0.1';
export const DNS_SERVICE_ADDRESS = '10.101.0.10';

/** Node `index` counts from 0. At most 26 nodes, named a, b, c ... */
export const MAX_NODES = 26;

export interface NodePlan {
  readonly name: string;
  readonly address: string;
  readonly podCidr: string;
}

export function nodePlans(count: number): NodePlan[] {
  return Array.from({ length: count }, (_, index) => ({
    name: String.fromCharCode(0x61 + index),
    address: `10.99.0.${11 + index}`,
    podCidr: `10.100.${index + 1}.0/24`,
  }));
}
