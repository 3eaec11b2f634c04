/** How long, in milliseconds, counters outlive the last workload they count: several scrapes at the usual 15 to 60 s. */
export const EXPIRE_AFTER_MILLISECONDS = 300_000;

/** Characters of one value in a log line: longer ones come from a peer that wants to fill the log. */
export const LOG_VALUE_CHARACTERS = 1_024;

/** Random bytes drawn at once for trace ids. */
export const TRACE_ENTROPY_BYTES = 4_096;

/** Outcomes (status, gRPC status, flags) of requests that a thread counts for themselves: each is 67 lines of a scrape. Beyond them all ends are `unknown`. */
export const REQUEST_OUTCOMES = 2_048;

/** Outcomes of one pair of ends counted exactly; further ones by the hundreds of their status: a backend may answer with any number. */
export const OUTCOMES_PER_SERIES = 64;

/** Characters of an `x-request-id` that is kept; a longer one is replaced. */
export const REQUEST_ID_CHARACTERS = 128;

/** Random bytes drawn at once for request ids. */
export const REQUEST_ID_ENTROPY_BYTES = 4_096;
