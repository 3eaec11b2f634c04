/** Milliseconds between two looks at the manifests: short enough to feel live, long enough to cost nothing. */
export const MANIFEST_POLL_MS: number = 200;

/** Milliseconds between two looks at whether the rules of enrolled pods and nodes are still as written. */
export const RULE_CHECK_MS: number = 10_000;

/** Milliseconds before a container or proxy that ended is started again: the first, doubled up to the longest. */
export const RESTART_FIRST_MS: number = 200;
export const RESTART_LONGEST_MS: number = 10_000;

/** Milliseconds between readiness probes before the first success, whatever the probe's period: a start should be quick. */
export const FIRST_PROBES_MS: number = 100;

/** Milliseconds that processes get to end when the whole bed is taken down. */
export const CLOSE_GRACE_MS: number = 3_000;

/** Seconds that a pod's processes get by default when the pod is deleted (Kubernetes: 30). */
export const DEFAULT_GRACE_SECONDS: number = 30;

/** Bytes of one log file; beyond it the file begins anew, so that a mesh left running does not fill the disk. */
export const LOG_FILE_BYTES: number = 64 << 20;

/** Milliseconds between two looks at the sizes of log files. */
export const LOG_CHECK_MS: number = 10_000;

/** Seconds that a proxy's token is good for, and how much is left when it is written anew. */
export const TOKEN_SECONDS: number = 3_600;
export const TOKEN_RENEW_SECONDS: number = 1_800;

/** Milliseconds for a program of the mesh to become ready. */
export const READY_TIMEOUT_MS: number = 30_000;

/** Milliseconds between two looks at whether it is. */
export const READY_POLL_MS: number = 20;

/** Bytes of one frame on the link: the kernel hands over packets that it merged, up to 64 KiB and a header. */
export const FRAME_BYTES: number = 65_536 + 64;

/** Bytes of frames that are handed from the tap's thread to the main thread at once. */
export const TAP_BATCH_BYTES: number = 1 << 20;
