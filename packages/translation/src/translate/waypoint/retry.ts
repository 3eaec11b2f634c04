import type { MessageInitShape } from '@bufbuild/protobuf';
import { RetryCondition, type RetryPolicySchema } from '@ambit/proto/waypoint';
import { istioDurationMs } from '../../schema/durations.ts';
import type { VirtualRetry } from '../../traffic-objects.ts';

export type RetryPolicyInit = MessageInitShape<typeof RetryPolicySchema>;

/** Base of the delay between tries, milliseconds, when nothing else is asked for. */
export const BACKOFF_BASE_MS = 25;

/** What is tried again when neither an object says nor the mesh: nothing that may have reached the application (Istio's default). */
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

/** Nobody says how often something is tried again, so the mesh does (`withMeshRetry`). */
export const MESH_RETRY: RetryPolicyInit = {};

/** The words of `retryOn` that are honoured. */
const RETRY_ON: ReadonlyMap<string, RetryCondition> = new Map([
  ['5xx', RetryCondition.FIVE_XX],
  ['gateway-error', RetryCondition.GATEWAY_ERROR],
  ['reset', RetryCondition.RESET],
  ['reset-before-request', RetryCondition.RESET_BEFORE_REQUEST],
  ['connect-failure', RetryCondition.CONNECT_FAILURE],
  ['refused-stream', RetryCondition.REFUSED_STREAM],
  ['retriable-4xx', RetryCondition.RETRIABLE_4XX],
  ['cancelled', RetryCondition.GRPC_CANCELLED],
  ['deadline-exceeded', RetryCondition.GRPC_DEADLINE_EXCEEDED],
  ['internal', RetryCondition.GRPC_INTERNAL],
  ['resource-exhausted', RetryCondition.GRPC_RESOURCE_EXHAUSTED],
  ['unavailable', RetryCondition.GRPC_UNAVAILABLE],
  ['envoy-ratelimited', RetryCondition.ENVOY_RATELIMITED],
]);

/** The retries of a VirtualService's route; absent: those of the mesh, no attempts: none. */
export function virtualRetry(retries: VirtualRetry | undefined): RetryPolicyInit {
  if (retries === undefined) return MESH_RETRY;
  const {
    attempts = 0,
    perTryTimeout,
    retryOn = '',
    retryIgnorePreviousHosts = true,
    backoff,
    retryRemoteLocalities = false,
  } = retries;
  const words = retryOnWords(retryOn);
  const conditions = words.flatMap((word) => RETRY_ON.get(word) ?? []);
  return {
    retries: attempts,
    conditions: words.length === 0 ? [...DEFAULT_RETRY_CONDITIONS] : [...new Set(conditions)],
    statusCodes: [...new Set(words.filter((word) => isStatus(word)).map(Number))].sort((a, b) => a - b),
    perTryTimeoutMs: perTryTimeout === undefined ? 0 : (istioDurationMs(perTryTimeout) ?? 0),
    backoffBaseMs: backoff === undefined ? BACKOFF_BASE_MS : Math.max(1, istioDurationMs(backoff) ?? BACKOFF_BASE_MS),
    // Istio's name means that endpoints are avoided that failed before, ours that nobody cares whether they have.
    ignorePreviousEndpoints: !retryIgnorePreviousHosts,
    remoteLocalities: retryRemoteLocalities,
  };
}

/**
 * What can happen nowhere: there are no endpoints of HTTP/3, and no object lists the fields that `retriable-headers` goes by, here or in
 * Istio. `retriable-status-codes` says nothing beyond the numbers beside it.
 */
const WITHOUT_FUNCTION: ReadonlySet<string> = new Set(['http3-post-connect-failure', 'retriable-headers']);

/** The words of `retryOn` that are right and have no function. */
export function retryOnWithoutFunction(retryOn: string): string[] {
  return retryOnWords(retryOn).filter((word) => WITHOUT_FUNCTION.has(word));
}

/** The words of `retryOn` that are not honoured. */
export function retryOnNotHonoured(retryOn: string): string[] {
  return retryOnWords(retryOn).filter(
    (word) =>
      !RETRY_ON.has(word) && !isStatus(word) && !WITHOUT_FUNCTION.has(word) && word !== 'retriable-status-codes',
  );
}

function retryOnWords(retryOn: string): string[] {
  return retryOn
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

function isStatus(word: string): boolean {
  return /^[2-5][0-9]{2}$/.test(word);
}
