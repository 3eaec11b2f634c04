/** Bytes one read can take: the loop's read buffer. Larger reads gain nothing (cache), measured. */
export const READ_BUFFER_BYTES = 131_072;

/** Bytes of one connection's output buffer. A connection whose buffer is full refuses more until the peer reads. */
export const OUTPUT_BUFFER_BYTES = 262_144;

/** Output buffers of full size kept for reuse per loop; more are given back to the allocator. */
export const OUTPUT_BUFFERS_KEPT = 32;

/** Bytes of the buffer a connection starts with: enough for what a tunnel of small requests says in one turn. */
export const SMALL_BUFFER_BYTES = 16_384;

/** Small output buffers kept for reuse per loop. */
export const SMALL_BUFFERS_KEPT = 128;

/** Events taken from the kernel per turn. */
export const EVENTS_PER_TURN = 512;

/** The longest wait for events in milliseconds: the heartbeat, and how long a blocked loop can delay the end of the process. */
export const LONGEST_WAIT_MS = 500;

/** Messages from the main thread handled per turn, so that a flood of them cannot starve the sockets. */
export const MESSAGES_PER_TURN = 64;

/** Connections accepted per listener and turn, so that one busy listener cannot starve the others. */
export const ACCEPTS_PER_TURN = 64;

/**
 * Who holds descriptors for connections may take another one as long as that is less than so many times what is free: one
 * pod gets at most four fifths, and the others always find room.
 */
export const DESCRIPTOR_SHARE_TIMES = 4;

/** The part of the free descriptors that is kept for the other sides of connections which were accepted: an eighth. */
export const DIAL_ROOM_PART = 8;

/** Milliseconds a listener rests when its connections may take no more descriptors, or the machine has none or no memory. */
export const ACCEPT_PAUSE_MS = 50;

/** Milliseconds for a TCP connect, as in the reference proxy. */
export const CONNECT_TIMEOUT_MS = 10_000;

/** Milliseconds from accept or connect to a finished TLS handshake. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Milliseconds an ended connection waits for the peer's end before it is closed. */
export const LINGER_TIMEOUT_MS = 2_000;

/** Bytes read from one connection per turn before the others get theirs. */
export const READ_BYTES_PER_TURN = 524_288;

/** Milliseconds after which an idle TLS connection gives its encryption buffer back (at most twice that). */
export const PAIR_IDLE_MS = 1_000;

/** Encryption buffers kept for reuse per loop. */
export const PAIRS_KEPT = 32;

/** Bytes of TLS records gathered before they are handed over: fewer, larger writes to the application, still in cache. */
export const TLS_GATHER_BYTES = 65_536;

/** Bytes of the longest datagram that is received or sent: what IPv4 can carry. */
export const DATAGRAM_BYTES = 65_535;

/** Datagrams received per socket and turn. */
export const DATAGRAMS_PER_TURN = 64;

/** Packets that may wait for a unix-socket peer that does not read. */
export const PACKETS_QUEUED = 1_024;

/** Bytes that OpenSSL keeps for a layered TLS connection until the connection below takes them: two records. */
export const LAYERED_PAIR_BYTES = 34_000;
