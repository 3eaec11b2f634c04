/** Port of the HBONE listener in every pod: where a tunnel to a workload is opened. */
export const HBONE_PORT = 15008;

/** The proxy's own ports inside a pod; reaching one of them as a destination would be a loop. */
export const PROXY_PORTS: ReadonlySet<number> = new Set([15001, 15006, 15008]);

/** How long, in milliseconds, a connection may wait for a policy or workload that is named but not here yet; then deny. */
export const PENDING_WAIT_MILLISECONDS = 2_000;

/** Connect failures in a row after which an endpoint is benched: one may be chance, three are a state. */
export const QUARANTINE_AFTER_FAILURES = 3;

/** How long, in milliseconds, an endpoint stays benched: about one readiness probe, after which the controller knows. */
export const QUARANTINE_MILLISECONDS = 5_000;

/** Endpoints remembered as failing, per thread. Beyond it the longest known one is forgotten. */
export const QUARANTINE_ENTRIES = 10_000;

/** Random picks before the pick becomes a scan over the endpoints that are left. */
export const RANDOM_PICKS = 4;

/** Lifetime of an address in a DNS answer, in seconds: short enough to follow a Service that is made anew. */
export const DNS_TTL_SECONDS = 30;

/** Addresses in one DNS answer; more would not fit into 64 KiB together with their names. */
export const DNS_ADDRESSES = 1_000;

/** Above this number of exact values a policy looks them up in a set instead of comparing one by one. */
export const COMPARE_ONE_BY_ONE = 4;

/** Longest turn, in milliseconds, that a data thread should spend on applying resources. */
export const APPLY_SLICE_MILLISECONDS = 1;

/** Resources applied between two looks at the clock. */
export const APPLY_BETWEEN_CLOCK_READS = 16;

/** A batch whose live share falls under one part in this many is copied out, so that its memory can be freed. */
export const COMPACT_BELOW_ONE_IN = 4;

/** Batches below this many bytes are never copied out: there is little to win. */
export const COMPACT_FROM_BYTES = 65_536;
