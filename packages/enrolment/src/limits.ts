/** Milliseconds between two looks at what a pod that leaves the mesh still has open. */
export const LEAVING_POLL_MS: number = 250;

/**
 * Milliseconds between telling the controller that a pod speaks HBONE (or no longer does) and the moment from which all
 * peers are taken to know. The slowest controller we meet is that of the local bed, which looks every 200 ms; one that
 * watches the API pushes within 100 ms, a stock one within 200 ms.
 */
export const PEERS_INFORMED_MS: number = 600;

/** Milliseconds between attempts to have a pod served by the node's proxy: the first, doubled up to the longest. */
export const ENROL_RETRY_FIRST_MS: number = 100;
export const ENROL_RETRY_LONGEST_MS: number = 5_000;

/** Milliseconds that a proxy gets to take note that plaintext may go past it again; one that is away resets nothing either. */
export const PROXY_INFORMED_MS: number = 1_000;
