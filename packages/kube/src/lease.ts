import type { KubeObject } from './resource.ts';

/** coordination.k8s.io/v1 Lease. Every field can be missing in what somebody else wrote. */
export interface Lease extends KubeObject {
  readonly spec?: LeaseSpec;
}

export interface LeaseSpec {
  /** Empty or absent: nobody holds it. */
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  /** MicroTime. */
  readonly acquireTime?: string;
  /** MicroTime. */
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

/** MicroTime of the API: RFC 3339 with exactly six digits behind the second; others are refused. */
export function microTime(wallTime: number): string {
  return new Date(wallTime).toISOString().replace(/Z$/, '000Z');
}
