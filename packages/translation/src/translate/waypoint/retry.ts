import type { MessageInitShape } from '@bufbuild/protobuf';
import { RetryCondition, type RetryPolicySchema } from '@ambit/proto/waypoint';

export type RetryPolicyInit = MessageInitShape<typeof RetryPolicySchema>;

/** Base of the delay between tries, milliseconds, when nothing else is asked for. */
const BACKOFF_BASE_MS = 25;

/** What is tried again when no object says: nothing that may have reached the application (Istio's default). */
export const DEFAULT_RETRY_CONDITIONS: readonly RetryCondition[] = [
  RetryCondition.CONNECT_FAILURE,
  RetryCondition.REFUSED_STREAM,
  RetryCondition.GRPC_UNAVAILABLE,
  RetryCondition.GRPC_CANCELLED,
];

export const DEFAULT_RETRY: RetryPolicyInit = {
  retries: 2,
  conditions: [...DEFAULT_RETRY_CONDITIONS],
  backoffBaseMs: BACKOFF_BASE_MS,
};
