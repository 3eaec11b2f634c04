/** Bytes of a certificate request; a P-256 request with one URI takes about 400. */
export const MAX_CSR_BYTES = 16_384;

/** Bytes of a bearer token; bound ServiceAccount tokens take about 1,200. */
export const MAX_TOKEN_BYTES = 8_192;

/** How far the clock of a token's issuer may be ahead of or behind ours, milliseconds. */
export const TOKEN_SKEW_MS = 10_000;

/** How far in the past a certificate begins, milliseconds, so that peers whose clock is behind accept it at once. */
export const BACKDATE_MS = 60_000;

/** At most this part of the lifetime: proxies renew at half of the validity, and half of it must not have passed already. */
export const BACKDATE_PART = 0.1;

/** Shortest lifetime of a certificate, milliseconds; a request for less gets this. */
export const MIN_CERTIFICATE_TTL_MS = 10_000;

/** Lifetime of a self-signed root, milliseconds (ten years, as in Istio). */
export const ROOT_LIFETIME_MS = 315_360_000_000;

/** Lifetime of the controller's own server certificate, milliseconds; it is renewed at half of it. */
export const SERVER_CERTIFICATE_TTL_MS = 86_400_000;

/** Shortest time between two attempts to renew it, milliseconds. */
export const SERVER_RENEWAL_GAP_MS = 10_000;

/** Certificates from a plugged-in CA's own to its root; real ones have two or three. */
export const MAX_CHAIN_CERTIFICATES = 8;

/** How often it is looked whether another authority was plugged in, milliseconds. */
export const AUTHORITY_LOOK_MS = 10_000;

/**
 * The part of the longest lifetime of workloads' certificates for which a new root is trusted everywhere before anything is
 * signed under it: proxies renew, and learn of it, at half of that lifetime at the latest.
 */
export const HANDOVER_PART = 0.6;

/** Longest sleep until the next step of a handover, milliseconds: wall clocks are set meanwhile. */
export const HANDOVER_LOOK_MS = 3_600_000;

/** How often it is looked whether the self-signed root has to be renewed, milliseconds (an hour, as in Istio). */
export const ROOT_CHECK_MS = 3_600_000;

/** It is renewed when no more than this part of its lifetime is left (as in Istio). */
export const ROOT_RENEWAL_PART = 0.2;

/** How long a request waits for its pod to become known, milliseconds: a proxy often hears of a pod before the controller does. */
export const POD_WAIT_MS = 2_000;

/** Requests that may wait for their pods at the same time; further ones are refused at once. */
export const MAX_WAITING_REQUESTS = 1_000;

/**
 * Certificates a node's proxy may ask for at once, and per second from then on: a full node (250 pods) starting, twice over.
 * A pod that asks for itself has as many of its own.
 */
export const CERTIFICATES_PER_NODE_BURST = 500;
export const CERTIFICATES_PER_NODE_PER_SECOND = 50;

/** Refused calls that an address may make at once, and per second from then on, before its calls are refused unseen. */
export const REFUSALS_PER_ADDRESS_BURST = 100;
export const REFUSALS_PER_ADDRESS_PER_SECOND = 5;

/** How long the same refusal of the same caller is not logged again, milliseconds. */
export const REFUSAL_LOG_MS = 60_000;

/** Keys (nodes, addresses, refusals) that rate limits and logs remember; the one unused for longest is forgotten first. */
export const MAX_RATE_LIMIT_KEYS = 10_000;

/** Megabytes that one client connection may make the server buffer. */
export const MAX_SESSION_MEGABYTES = 64;

/** Streams one client connection may have open; a proxy needs one for ADS and eight for certificates. */
export const MAX_STREAMS_PER_CONNECTION = 100;

/** How long events of the file system are gathered before a scan, milliseconds. */
export const SCAN_DELAY_MS = 10;

/** How long a file must look the same before it is read, milliseconds, so that nobody reads half of a write. */
export const SETTLE_MS = 30;

/** How often directories are scanned without being told, milliseconds; the second where the system tells nothing. */
export const POLL_MS = 1_000;
export const POLL_UNWATCHED_MS = 100;

/** Pods of a waypoint whose Gateway does not say how many: one may be evicted and the other serves. */
export const WAYPOINT_REPLICAS = 2;

/** Characters of a condition's message; the API server takes 32,768, and nobody reads so many. */
export const MAX_CONDITION_MESSAGE = 4_096;

/** New things that are not honoured and that are named in the log at one time; all of them are at /debug/problems. */
export const NOT_HONOURED_LINES = 20;

/** Bytes of one overlay of a waypoint's objects. */
export const MAX_OVERLAY_BYTES = 65_536;

/** Writes to the API server of one kind of work: at once, in a row without pause, and per second from then on. */
export const WRITES_AT_ONCE = 4;
export const WRITES_BURST = 100;
export const WRITES_PER_SECOND = 20;

/** How long one write of the leader may take, milliseconds: what is left of a Lease when its holder steps down at the latest. */
export const LEADER_WRITE_MS = 5_000;

/** How long changes of the API server's objects are gathered after the first went out, milliseconds. */
export const GATHER_MS = 100;

/** How long an accepted token is not asked about again, milliseconds; never beyond its own expiry. */
export const TOKEN_ACCEPTED_MS = 60_000;

/** How long a refused token is not asked about again, milliseconds: short, because its pod may be a moment ahead of us. */
export const TOKEN_REFUSED_MS = 5_000;

/** How long an accepted token goes on while the API server cannot be asked, milliseconds; never beyond its own expiry. */
export const TOKEN_STALE_MS = 3_600_000;

/** Tokens remembered; the one unused for longest is forgotten first. A node proxy has one, so has a waypoint. */
export const MAX_REMEMBERED_TOKENS = 10_000;

/** Questions to the API server about tokens under way; further callers are told to come again. */
export const MAX_TOKEN_REVIEWS = 64;

/** How long one such question may take, milliseconds. */
export const TOKEN_REVIEW_TIMEOUT_MS = 5_000;

/** Files read from one directory; further ones, by name, are reported and left out. */
export const MAX_FILES_PER_DIRECTORY = 10_000;

/** How long open streams may take to end when the controller stops, milliseconds. */
export const STOP_DEADLINE_MS = 3_000;

/**
 * How long a waypoint knows of a new service before everybody else, milliseconds: longer than changes are gathered, so that
 * it has been told and has applied it.
 */
export const SERVED_SERVICE_LEAD_MS = 150;

/** How long a waypoint keeps a service that it no longer serves, milliseconds, while node proxies hear of it. */
export const SERVED_SERVICE_LINGER_MS = 2_000;

/** ConfigMaps and Secrets that others name and that are watched, each by itself; further ones count as missing. Objects. */
export const NAMED_OBJECTS = 1_000;

/** Bytes of a question about an object: the object and the one before it, the largest that an API server takes (3 MiB), and room. */
export const MAX_ADMISSION_BYTES = 8_388_608;

/** Bytes of such questions that are being received at one time; further ones are refused. */
export const MAX_ADMISSION_BYTES_UNDER_WAY = 33_554_432;

/** Connections of API servers, and of whoever else finds the port. */
export const MAX_ADMISSION_CONNECTIONS = 1_000;

/** How long a question may take to arrive, milliseconds; half of what the API server waits for the answer (see the chart). */
export const ADMISSION_REQUEST_MS = 2_500;

/**
 * How long a controller that stops goes on answering, milliseconds: as long as a node may take to hear that it has left the
 * Service. A question that nobody answers is a write that fails.
 */
export const ADMISSION_LINGER_MS = 3_000;

/** How long a connection of an API server may stand without a question, milliseconds. */
export const ADMISSION_IDLE_MS = 90_000;

/** Warnings about one object, and characters of one: an API server passes on 4,096 in all. */
export const MAX_ADMISSION_WARNINGS = 10;
export const MAX_ADMISSION_WARNING = 256;

/** Mistakes of one object that a refusal lists; the rest is counted. */
export const MAX_ADMISSION_PROBLEMS = 10;
