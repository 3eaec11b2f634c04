/** Streams the pool opens on one connection at once; the peer's SETTINGS may say less. Streams. */
export const MAX_STREAMS_PER_CONNECTION = 100;

/** Streams on the least loaded connection of a key beyond which another connection is opened beside it. Streams. */
export const SPREAD_STREAMS = 64;

/** Connections that one key opens for the sake of load; beyond it only full connections lead to new ones. Connections. */
export const SPREAD_CONNECTIONS = 4;

/** Tunnels of one key that wait for a connection; further ones fail at once, to be tried elsewhere. Tunnels. */
export const MAX_WAITING_TUNNELS = 1024;

/** A connection without streams is closed after this, milliseconds. */
export const POOL_IDLE_MS = 300_000;

/** Silence after which a PING asks whether the peer is still there, milliseconds. */
export const PING_INTERVAL_MS = 10_000;

/** Silence after a PING that ends the connection, milliseconds. */
export const PING_TIMEOUT_MS = 20_000;

/** TCP connect to a peer, milliseconds. */
export const CONNECT_TIMEOUT_MS = 10_000;

/** From accept or connect to a finished TLS handshake, milliseconds: bounds what a silent peer can hold. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** For the last frames of a connection that ends, milliseconds: a peer that does not read them is cut off. */
export const CLOSE_TIMEOUT_MS = 5_000;

/** How long a connection lives that is opened to a server which has said that it leaves, milliseconds; its tunnels live on. */
export const LEAVING_CONNECTION_MS = 1_000;

/** From CONNECT to its answer, milliseconds: the peer's own connect timeout to the application and some. */
export const ANSWER_TIMEOUT_MS = 20_000;

/** Inbound handshakes under way per data thread; further connections are closed. Connections. */
export const MAX_HANDSHAKES = 2048;

/** Inbound handshakes under way per source address and data thread; further connections from it are closed. Connections. */
export const MAX_HANDSHAKES_PER_SOURCE = 128;

/** Bytes read from an application at once: with its header a DATA frame of half an output buffer. */
export const RELAY_READ_BYTES: number = 131_072 - 9;

/**
 * Bytes per connection that wait for slow applications although the connection's window was already given back, so that
 * they do not hold up its other streams. Beyond it the window stays closed until they are delivered.
 */
export const HELD_BYTES_CREDITED: number = 16 << 20;

/** Room for the first read of a relay, bytes: most applications say less at once, and little buffers stay in the cache. */
export const SMALL_READ_BYTES = 4096;

/** Room for a read of a relay whose last read was full, bytes. */
export const LARGE_READ_BYTES: number = 64 << 10;

/** Characters of a `baggage` or `forwarded` field that are looked at; a longer one is ignored. */
export const MAX_FIELD_LENGTH = 8192;
