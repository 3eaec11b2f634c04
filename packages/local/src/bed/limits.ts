/** Milliseconds between two looks at the manifests: short enough to feel live, long enough to cost nothing. */
export const MANIFEST_POLL_MS: number = 200;

/** Milliseconds between two looks at what a pod that leaves the mesh still has open. */
export const LEAVING_POLL_MS: number = 250;

/**
 * Milliseconds between telling the controller that a pod speaks HBONE (or no longer does) and the moment from which all
 * peers are taken to know: the controller looks every 200 ms and pushes at once.
 */
export const PEERS_INFORMED_MS: number = 600;

/** Milliseconds between attempts to have a pod served by the node's proxy: the first, doubled up to the longest. */
export const ENROL_RETRY_FIRST_MS: number = 100;
export const ENROL_RETRY_LONGEST_MS: number = 5_000;

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
