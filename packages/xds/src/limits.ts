/** A response that a client takes (bytes): the whole state of a large mesh comes as one message, as from istiod. */
export const RESPONSE_MAX_BYTES: number = 200 * 1024 * 1024;

/** Content of one response that a server sends (bytes); what is beyond comes in further responses. */
export const RESPONSE_TARGET_BYTES: number = 128 * 1024 * 1024;

/** A request that a server takes (bytes): the versions of 200,000 resources on a reconnect. */
export const REQUEST_MAX_BYTES: number = 32 * 1024 * 1024;

/** Streams of one connection, and its memory (MB) above which it gets no new one: every pod can reach the port. */
export const STREAMS_PER_CONNECTION = 100;
export const SESSION_MEMORY_MB = 64;

/** HTTP/2 window of a client (bytes): Node's default of 64 KiB makes large responses slow over any distance. */
export const FLOW_CONTROL_WINDOW_BYTES: number = 4 * 1024 * 1024;

/** From the first packet to a TLS connection (ms). */
export const CONNECT_TIMEOUT_MS = 5_000;

/** From the connection to the first response (ms): a server that takes longer has lost the stream. */
export const FIRST_RESPONSE_TIMEOUT_MS = 60_000;

/** How often a server sends something to clients that asked for it (ms); after three times that, a client reconnects. */
export const HEARTBEAT_MS = 10_000;
export const HEARTBEATS_MISSED = 3;

/** A client starts a new stream after this time (ms), so that a lost update is repaired at the cost of the differences. */
export const RESYNC_MS = 3_600_000;

/** Delay before a reconnect: the first, doubling up to the last (ms), each moved by up to the given part. */
export const RECONNECT_FIRST_MS = 10;
export const RECONNECT_MAX_MS = 15_000;
export const RECONNECT_JITTER = 0.2;

/** Text of a NACK (characters): a server logs it. */
export const REJECTION_MAX_CHARACTERS = 8_192;

/** After a first push, changes are gathered this long (ms). */
export const GATHER_MS = 100;

/** How long a first answer waits for the subscription of a type that must be sent before it (ms). */
export const SUBSCRIPTION_GATHER_MS = 20;

/** From the stream to its first request, and to the end of authentication (ms). */
export const AUTHENTICATION_TIMEOUT_MS = 10_000;

/** From a response to its ACK or NACK (ms); then the stream is ended, and the client reconnects with what it holds. */
export const ACKNOWLEDGEMENT_TIMEOUT_MS = 60_000;

/** Responses being written for all clients together (bytes): a thousand reconnecting clients must not fill the memory. */
export const BYTES_IN_FLIGHT: number = 256 * 1024 * 1024;

/** Names one client may subscribe to by name, per type. */
export const SUBSCRIBED_NAMES_MAX = 100_000;
