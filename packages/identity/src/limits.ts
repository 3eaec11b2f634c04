/** CA calls under way at once (calls): a node with a thousand new pods must not overrun the CA. */
export const CONCURRENT_FETCHES = 8;

/** One CA call, from connecting to the answer (ms): a CA that takes longer is treated as failed and tried again. */
export const FETCH_TIMEOUT_MS = 15_000;

/** Lifetime asked of the CA (s). */
export const DEFAULT_CERTIFICATE_TTL_S = 86_400;

/** The first retry after a failed fetch comes after a random time within these (ms): failures of many pods spread. */
export const RETRY_FIRST_MIN_MS = 500;
export const RETRY_FIRST_MAX_MS = 1_000;

/** Retries double up to this (ms), so that a long CA outage costs little and its end is noticed soon. */
export const RETRY_MAX_MS = 150_000;

/** Each retry is moved by up to this part of it, either way, so that nodes do not fall into step. */
export const RETRY_JITTER = 0.2;

/** A connection that waits brings a retry forward, but never closer to the last attempt than this (ms). */
export const DEMAND_RETRY_GAP_MS = 1_000;

/** Renewal comes at half of the validity or up to this part of the validity earlier, so that pods of one start spread. */
export const RENEWAL_SPREAD = 0.05;

/** A fresh certificate is renewed no sooner than this (ms), nor before a quarter of what is left of it. */
export const RENEWAL_GAP_MS = 1_000;

/** When a fetch brings other roots, the remaining identities are renewed within this time (ms). */
export const ROOT_CHANGE_SPREAD_MS = 30_000;

/** How far a certificate may begin in the future (ms): the CA's clock may run ahead of ours. */
export const CLOCK_SKEW_MS = 60_000;

/** Longest sleep of a renewal or expiry timer (ms): timers hold 2^31 ms, and wall clocks are set meanwhile. */
export const TIMER_MAX_MS = 3_600_000;

/** Answer of a CA (characters of PEM), and certificates per chain or root bundle: far above any real one. */
export const CHAIN_MAX_CHARACTERS = 1_048_576;
export const CHAIN_MAX_CERTIFICATES = 10;
export const ROOTS_MAX_CERTIFICATES = 200;
