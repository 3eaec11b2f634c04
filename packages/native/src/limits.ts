/** Descriptors have numbers below this: one byte each in the ledger. `raiseOpenFileLimit` raises RLIMIT_NOFILE to no more. */
export const LEDGER_DESCRIPTORS = 1_048_576;

/** OpenSSL objects one thread may hold: one per TLS connection, one per certificate, two per busy connection. */
export const LEDGER_OBJECTS = 262_144;

/** Bytes OpenSSL reads ahead: two full records. More leaves the cache, less costs system calls (measured). */
export const TLS_READ_AHEAD_BYTES = 33_000;

/** Bytes of a peer's handshake that a session takes at once; a flight has some 2 KiB, a longer one comes in pieces. */
export const TLS_HANDSHAKE_PIPE_BYTES = 16_384;

/** Certificates of peers that are remembered per thread, so that a peer that comes again is not parsed again. */
export const PEER_CERTIFICATES_KEPT = 4_096;

/** Bytes of the largest leaf certificate that is looked at; a leaf of the mesh has about 1 KiB. */
export const PEER_CERTIFICATE_BYTES = 16_384;

/** Connections the kernel holds that nobody has accepted yet; it caps this at net.core.somaxconn. */
export const LISTEN_BACKLOG = 1_024;

/** Descriptors one unix-socket packet can carry: the kernel's SCM_MAX_FD. */
export const DESCRIPTORS_PER_PACKET = 253;

/** Milliseconds for which a verified certificate is not verified again, unless its chain expires earlier. */
export const VERIFICATION_KEPT_MS = 3_600_000;

/** Sets of roots, per side, under which verified certificates are remembered; older sets are forgotten. */
export const VERIFICATION_ROOTS_KEPT = 8;
