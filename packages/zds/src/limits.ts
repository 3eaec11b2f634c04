/** Bytes of one packet either way; a longer one is an error at both ends (wire contract). */
export const MAX_PACKET_BYTES: number = 1024;

/** Milliseconds that the agent waits for the greeting and for each acknowledgement, as Istio's agent does. */
export const MESSAGE_DEADLINE_MS: number = 5_000;

/** Connections that the agent takes per second, and at once after a pause: a proxy in a crash loop must not occupy it. */
export const ACCEPTS_PER_SECOND: number = 5;

/**
 * Milliseconds from a lost connection to the next attempt: the first, doubled each time up to the last. New pods of the node
 * wait for a proxy that has not noticed a new agent yet, and trying costs some microseconds.
 */
export const RECONNECT_FIRST_MS: number = 10;
export const RECONNECT_LONGEST_MS: number = 1_000;

/** Milliseconds between attempts to start a pod that could not be started. */
export const PENDING_RETRY_MS: number = 5_000;

/** Characters of an error that are sent with an acknowledgement, so that it fits into a packet in every case. */
export const MAX_ERROR_CHARACTERS: number = 200;
