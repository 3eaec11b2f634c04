/** Connect failures in a row after which an endpoint is benched: one may be chance, three are a state. */
export const QUARANTINE_AFTER_FAILURES = 3;

/** How long, in milliseconds, an endpoint stays benched: about one readiness probe, after which the controller knows. */
export const QUARANTINE_MILLISECONDS = 5_000;

/** How long, in milliseconds, others of its rank come first after an endpoint failed once. */
export const DOUBT_MILLISECONDS = 1_000;

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

/** Resources applied between two looks at the clock. */
export const APPLY_BETWEEN_CLOCK_READS = 16;

/** A batch whose live share falls under one part in this many is copied out, so that its memory can be freed. */
export const COMPACT_BELOW_ONE_IN = 4;

/** Batches below this many bytes are never copied out: there is little to win. */
export const COMPACT_FROM_BYTES = 65_536;

/** Tables of endpoints of one service before all are dropped: a client that dials every port must not fill the memory. */
export const ENDPOINT_TABLES = 512;
