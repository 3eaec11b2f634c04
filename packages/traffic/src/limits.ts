/** Tries beyond the first that a resource may ask for: more would multiply load on a service that is down. */
export const MAX_RETRIES = 100;

/** Sum of the weights of one choice, as Envoy's: the draw stays exact in 32 bits. */
export const MAX_WEIGHT_SUM = 4_294_967_295;

/** Characters of one regular expression: what people write is far shorter. */
export const MAX_REGEX_LENGTH = 1_024;

/** Instructions of one compiled regular expression: bounds the time per octet of a request. */
export const MAX_REGEX_PROGRAM = 1_024;

/** Body of an answer that a route gives by itself, bytes of UTF-8, as in Istio. */
export const MAX_DIRECT_RESPONSE_BYTES = 1_048_576;

/** Problems of one resource that an error message lists; the rest is counted. */
export const MAX_LISTED_PROBLEMS = 8;

/** Draws after the first that avoid endpoints which failed the same request, as Istio's host selection attempts. */
export const MAX_REDRAWS = 5;

/** Retries under way, in percent of the requests under way to the same cluster. */
export const RETRY_BUDGET_PERCENT = 20;

/**
 * Retries under way to one cluster that are always allowed. Istio has no budget unless one is configured (then 3): this is
 * high enough that only a storm meets it.
 */
export const RETRY_BUDGET_FLOOR = 50;

/** No delay between tries is longer than this many times its base. */
export const BACKOFF_CAP_FACTOR = 10;

/** Longest deadline, milliseconds (24.8 days); a longer `grpc-timeout` is cut to it, so that timers hold it. */
export const MAX_DEADLINE_MS = 2_147_483_647;
