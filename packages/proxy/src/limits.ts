/** A data thread that has not turned its loop for this long is replaced, milliseconds. The loop turns every 500 ms at the latest. */
export const STALL_AFTER = 2_000;

/** How long the start of something waits for its certificate, milliseconds; less than the node agent waits for an answer. */
export const CERTIFICATE_HEAD_START = 4_000;

/** Bytes of access-log lines that one data thread gathers before it hands them to the main thread. */
export const LOG_BYTES = 262_144;

/** Such portions that may wait for the main thread. Lines beyond them are dropped and counted. */
export const LOG_REPORTS = 8;
