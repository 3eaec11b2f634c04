/** One attempt of one request, from the connection to the last byte (ms). */
export const REQUEST_TIMEOUT_MS = 30_000;

/** Attempts of one request, the first included, where repeating is safe. */
export const REQUEST_ATTEMPTS = 4;

/** Pause before the second attempt (ms), doubled for each further one; the longest `Retry-After` that is waited for (ms). */
export const RETRY_FIRST_MS = 200;
export const RETRY_AFTER_MAX_MS = 10_000;

/** Pause before a request that was answered 401 is repeated with a token that has not changed meanwhile (ms). */
export const UNAUTHORIZED_RETRY_MS = 1_000;

/** Connections for requests; watches have one more each. */
export const REQUEST_CONNECTIONS = 16;

/** A connection without a request is closed after this (ms): before the server, or something between, does it unseen. */
export const CONNECTION_IDLE_MS = 15_000;

/** First TCP keep-alive probe on a silent connection (ms); the runtime gives up after ten more, a second apart. */
export const KEEPALIVE_MS = 15_000;

/** One answer (bytes): a page of 500 objects of 60 KiB each. A list whose page is larger is read in smaller pages. */
export const RESPONSE_MAX_BYTES: number = 32 * 1024 * 1024;

/** One event of a watch (bytes): some ten times what the API server's store takes, since JSON is longer. */
export const WATCH_LINE_MAX_BYTES: number = 16 * 1024 * 1024;

/** Objects of one page of a list, as client-go asks for. */
export const LIST_PAGE_OBJECTS = 500;

/** Pages of one list: a server that never comes to an end must not hold the memory. */
export const LIST_PAGES = 10_000;

/** How often a list starts again because its snapshot expired between two pages (410). */
export const LIST_RESTARTS = 3;

/** After a time between these (ms) the API server ends a watch, and it is opened anew, so that load spreads over servers. */
export const WATCH_LONGEST_MS = 600_000;
export const WATCH_SHORTEST_MS = 300_000;

/** A watch without event or bookmark for this long (ms) is opened anew: the API server sends a bookmark about every minute. */
export const WATCH_SILENCE_MS = 90_000;

/** A watch that lived this long (ms) ends a series of failures. */
export const WATCH_SOUND_MS = 5_000;

/** A watch that ends after this time (ms), up to a fifth longer, is followed by a list: what was lost unseen is repaired. */
export const RESYNC_MS = 3_600_000;

/** Pause after the first failure of an informer (ms), doubled up to the longest; each is moved by up to the given part. */
export const RESUME_FIRST_MS = 500;
export const RESUME_MAX_MS = 30_000;
export const RESUME_JITTER = 0.2;

/** How often a kind that is not installed is asked for (ms). */
export const ABSENT_POLL_MS = 10_000;

/** A kind that was there counts as gone, and its objects as deleted, after being unknown to the API server this long (ms). */
export const ABSENCE_CONFIRMED_MS = 30_000;

/** Defaults of a leader election (ms), as client-go's. */
export const LEASE_DURATION_MS = 15_000;
export const RENEW_DEADLINE_MS = 10_000;
export const RETRY_PERIOD_MS = 2_000;

/** Waiting for a Lease is spread over the retry period and up to this part of it more, as in client-go. */
export const ELECTION_JITTER = 1.2;

/** The longest duration of somebody else's Lease that is respected (ms): an absurd one must not stop the work for ever. */
export const LEASE_DURATION_MAX_MS = 60_000;

/** Events about one object that may come at once, and the time for one more (ms), as client-go's filter of spam. */
export const EVENTS_PER_OBJECT = 25;
export const EVENT_REFILL_MS = 300_000;

/** Events waiting to be written; further ones are dropped and counted. */
export const EVENTS_QUEUED = 512;

/** An event that happens again within this (ms) is counted in the first one. */
export const EVENT_SERIES_MS = 600_000;

/** How often the count of an event that happens again is written (ms). */
export const EVENT_REFRESH_MS = 30_000;

/** Different events, and objects with events, that are remembered. */
export const EVENTS_REMEMBERED = 4_096;

/** Text of one event (bytes): what the API server takes. */
export const EVENT_NOTE_MAX_BYTES = 1_024;
