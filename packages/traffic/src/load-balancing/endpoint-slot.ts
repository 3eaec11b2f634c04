import type { Endpoint } from '@ambit/mesh/endpoint/endpoint';

/** An endpoint of a cluster on one data thread. The same object for the same workload as long as it is known. */
export class EndpointSlot {
  readonly uid: string;
  endpoint: Endpoint;
  /** Relative, at least 1. */
  weight: number;
  /** Requests under way to it from this thread; the data path counts. */
  active = 0;
  /** When it came, milliseconds; negative infinity: before anybody asked. */
  readonly since: number;

  constructor(endpoint: Endpoint, since: number = Number.NEGATIVE_INFINITY) {
    this.since = since;
    this.uid = endpoint.workload.uid;
    this.endpoint = endpoint;
    this.weight = endpoint.workload.capacity;
  }

  update(endpoint: Endpoint): void {
    this.endpoint = endpoint;
    this.weight = endpoint.workload.capacity;
  }
}
