/** Streams a peer may have open towards us at once (SETTINGS_MAX_CONCURRENT_STREAMS). Streams. */
export const MAX_CONCURRENT_STREAMS = 200;

/** Streams a client opens before the server's first SETTINGS said how many it takes (RFC 9113 6.5.2 recommends at least 100). */
export const ASSUMED_PEER_STREAMS = 100;

/** Receive window of one stream, bytes: covers 10 Gbit/s at 3 ms. */
export const STREAM_WINDOW_BYTES: number = 4 << 20;

/** Receive window of one connection, bytes: four times a stream's, so that one stream nobody reads does not stop the others. */
export const CONNECTION_WINDOW_BYTES: number = 16 << 20;

/**
 * Receive window of one stream that carries a request, bytes: covers 10 Gbit/s at 0.2 ms, 1 Gbit/s at 2 ms. Smaller than
 * that of a tunnel, because one client's requests share a connection and whoever does not read must not stop the rest.
 */
export const EXCHANGE_STREAM_WINDOW_BYTES: number = 256 << 10;

/** Receive window of their connection, bytes: all streams that a peer may open, so that any number of them may stand still. */
export const EXCHANGE_CONNECTION_WINDOW_BYTES: number = MAX_CONCURRENT_STREAMS * EXCHANGE_STREAM_WINDOW_BYTES;

/** Largest frame payload we take (SETTINGS_MAX_FRAME_SIZE), bytes: fewer frame headers for bulk data. */
export const MAX_FRAME_BYTES: number = 1 << 20;

/** Header list a server takes, bytes as counted by RFC 9113 6.5.2 (name + value + 32 for each field). */
export const SERVER_HEADER_LIST_BYTES: number = 64 << 10;

/** Header list a client takes; responses of tunnels are short. Bytes as above. */
export const CLIENT_HEADER_LIST_BYTES: number = 16 << 10;

/** Header list of an answer that a client of requests takes, bytes as above: what HTTP/1 takes too (`H1_HEAD_BYTES`). */
export const EXCHANGE_HEADER_LIST_BYTES: number = 64 << 10;

/**
 * Header block in octets as sent, whatever it holds. Up to here a block whose list is too large is decoded and dropped, and its
 * stream alone ends; beyond it the connection does.
 */
export const MAX_HEADER_BLOCK_BYTES: number = 256 << 10;

/** Dynamic table of HPACK, bytes, both ways: the protocol's default, enough for what repeats between requests of one peer. */
export const HEADER_TABLE_BYTES = 4096;

/** CONTINUATION frames in one header block: the block is already limited in bytes, this stops endless empty ones. Frames. */
export const MAX_CONTINUATIONS = 32;

/** Payload of one SETTINGS frame, bytes: 170 settings, far more than exist. */
export const MAX_SETTINGS_BYTES = 1024;

/** Debug data of a GOAWAY that is kept, bytes; the rest is skipped. */
export const MAX_GOAWAY_DEBUG_BYTES = 1024;

/** A token bucket: `burst` at once, then `perSecond`. */
export interface RateLimit {
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * Streams that end as resets before they were answered, whoever sent the reset: cancelled requests (rapid reset) and resets
 * that the peer provoked by breaking a rule share it. Resets after the response headers do not count: those streams
 * waited their turn.
 */
export const RESET_LIMIT: RateLimit = { burst: 500, perSecond: 50 };

/** PING frames that ask for an answer: bandwidth probing sends one per round trip at most. */
export const PING_LIMIT: RateLimit = { burst: 2000, perSecond: 1000 };

/** SETTINGS frames that ask for an answer. */
export const SETTINGS_LIMIT: RateLimit = { burst: 100, perSecond: 10 };

/**
 * Frames that carry nothing: empty DATA, PRIORITY, unknown types, acknowledgements of SETTINGS, frames on streams that are
 * over, requests behind our last GOAWAY.
 */
export const IDLE_FRAME_LIMIT: RateLimit = { burst: 2000, perSecond: 500 };

/** Frames on a stream that is over that each end of a stream makes acceptable: they crossed it. */
export const IDLE_FRAMES_EARNED = 4;

/** WINDOW_UPDATE frames beyond those that our own DATA frames and streams earn (10 each). */
export const WINDOW_UPDATE_LIMIT: RateLimit = { burst: 2000, perSecond: 2000 };

/** WINDOW_UPDATE frames earned by each DATA frame sent and each stream opened. */
export const WINDOW_UPDATES_EARNED = 10;

/** Bytes of the owner's output buffer that DATA leaves free for control frames. */
export const CONTROL_RESERVE_BYTES = 1024;

/** DATA is not squeezed into less room than this at the end of an output buffer, bytes: small frames cost more than a short wait. */
export const MIN_DATA_ROOM_BYTES = 4096;

/** Frames other than DATA that wait because the peer does not read, bytes; beyond it the peer only asks and never listens. */
export const MAX_CONTROL_BACKLOG_BYTES: number = 512 << 10;

/** Streams whose manner of ending is remembered, to tell a late frame from a broken peer. */
export const REMEMBERED_ENDED_STREAMS = 128;

/** Interim responses (1xx) to one request, either version: beyond it the response is malformed. Responses. */
export const MAX_INTERIM_RESPONSES = 16;

/** Request or status line of HTTP/1 with its CRLF, bytes; 414 beyond it. */
export const H1_START_LINE_BYTES: number = 16 << 10;

/** Head of an HTTP/1 message, from the start line to the empty line, bytes; 431 beyond it. */
export const H1_HEAD_BYTES: number = 64 << 10;

/** Field lines of an HTTP/1 head, fields; 431 beyond it. */
export const H1_FIELDS = 128;

/** Method of an HTTP/1 request, bytes: almost twice the longest registered one; 501 beyond it. */
export const H1_METHOD_BYTES = 32;

/** Field name of an HTTP/1 message, bytes; 431 beyond it. */
export const H1_FIELD_NAME_BYTES = 256;

/** Options listed in the Connection fields of one message. Options. */
export const H1_CONNECTION_OPTIONS = 16;

/** Digits of a chunk's size: 4 GiB in one chunk. Digits. */
export const H1_CHUNK_SIZE_DIGITS = 8;

/** Chunk extensions of one message, which are ignored, bytes. */
export const H1_CHUNK_EXTENSION_BYTES: number = 4 << 10;

/** Trailer section of an HTTP/1 message, bytes; 431 beyond it. */
export const H1_TRAILER_BYTES: number = 16 << 10;

/** Field lines of an HTTP/1 trailer section, fields; 431 beyond it. */
export const H1_TRAILER_FIELDS = 64;

/** Received content that waits to be released, bytes: beyond it an HTTP/1 connection is not read, below half of it it is again. */
export const H1_UNRELEASED_BYTES: number = 256 << 10;

/**
 * What a client sent after the request at hand, bytes. Reading pauses with the first of them; this much may have been read
 * together with it.
 */
export const H1_PIPELINED_BYTES: number = 256 << 10;

/** Rest of a request that nobody wants after its answer, bytes: skipped to keep the connection; beyond it the connection ends. */
export const H1_DISCARDED_BYTES: number = 64 << 10;
