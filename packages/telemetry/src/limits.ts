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

/** Sets of values of labels that Telemetry adds, of one service: requests may choose them. Further ones are counted as `other`. */
export const METRIC_TAG_SETS = 32;

/** Characters of one such value; a longer one is cut. */
export const METRIC_TAG_CHARACTERS = 128;

/** Services of which a thread remembers the sets of values, each in one version of its Telemetry; the oldest are forgotten. */
export const METRIC_SHAPINGS = 1_024;

/** Characters of an `x-request-id` that is kept; a longer one is replaced. */
export const REQUEST_ID_CHARACTERS = 128;

/** Random bytes drawn at once for request ids. */
export const REQUEST_ID_ENTROPY_BYTES = 4_096;

/** Characters of a `tracestate` that is passed on; a longer one is left out (Trace Context 3.3.1.5 asks for 512 at least). */
export const TRACE_STATE_CHARACTERS = 1_024;
