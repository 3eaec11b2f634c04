/** How long, in milliseconds, counters outlive the last workload they count: several scrapes at the usual 15 to 60 s. */
export const EXPIRE_AFTER_MILLISECONDS = 300_000;

/** Characters of one value in a log line: longer ones come from a peer that wants to fill the log. */
export const LOG_VALUE_CHARACTERS = 1_024;

/** Random bytes drawn at once for trace ids. */
export const TRACE_ENTROPY_BYTES = 4_096;
