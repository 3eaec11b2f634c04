/** Name of the Lease, in the root namespace, of the one replica that writes to the API server. */
export const LEADER_LEASE = 'ambit-leader';
