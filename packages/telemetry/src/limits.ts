/** How long, in milliseconds, counters outlive the last workload they count: several scrapes at the usual 15 to 60 s. */
export const EXPIRE_AFTER_MILLISECONDS = 300_000;

/** Members read of a baggage header; a peer needs eight. */
export const BAGGAGE_MEMBERS = 64;

/** Characters read of a baggage header (W3C Baggage 3.3.2 asks for 8192); a longer one is ignored. */
export const BAGGAGE_CHARACTERS = 8_192;

/** Characters of one value in a log line: longer ones come from a peer that wants to fill the log. */
export const LOG_VALUE_CHARACTERS = 1_024;

/** Random bytes drawn at once for trace ids. */
export const TRACE_ENTROPY_BYTES = 4_096;
