import type { Clock } from '@ambit/core/clock';

export interface KubeClientOptions {
  readonly clock: Clock;
  readonly userAgent: string;
  /** Milliseconds for one attempt of one request, from the connection to the last byte. Default 30,000. */
  readonly requestTimeout?: number;
  /** In [0, 1), for jitter. Default: the system's. */
  readonly random?: () => number;
}

export interface Selection {
  /** Default: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface RequestLimits {
  /** Milliseconds for one attempt. Default: the client's `requestTimeout`. */
  readonly timeout?: number;
  /** Attempts, the first included. Default 4. */
  readonly attempts?: number;
}

export interface WriteOptions extends RequestLimits {
  readonly subresource?: string;
}

export interface ApplyOptions extends RequestLimits {
  readonly fieldManager: string;
  /** Takes fields over from other managers instead of failing with a conflict. Default false. */
  readonly force?: boolean;
  readonly subresource?: 'status';
}

export interface DeleteOptions extends RequestLimits {
  /** Deletes only the object of this uid; another of the same name fails with `AMBIT_KUBE_CONFLICT`. */
  readonly uid?: string;
  /** What happens to what the object owns. Default: the API server's, for most kinds `Background`. */
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan';
}

export interface PostOptions extends RequestLimits {
  /** Whether it may be sent again when its answer was lost, as a review may. Default false. */
  readonly repeatable?: boolean;
}
