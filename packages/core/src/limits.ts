/** Token and root files (bytes): a wrong path must not fill the memory. */
export const CREDENTIAL_FILE_MAX_BYTES = 4_194_304;

/** HTTP/2 ping to the control plane and how long its answer may take (ms): finds a peer that vanished without a word. */
export const KEEPALIVE_TIME_MS = 30_000;
export const KEEPALIVE_TIMEOUT_MS = 10_000;
