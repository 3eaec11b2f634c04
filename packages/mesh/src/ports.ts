/** Port of the HBONE listener in every pod and waypoint: where a tunnel to a workload is opened. */
export const HBONE_PORT = 15008;

/** The proxy's own ports inside a pod; reaching one of them as a destination would be a loop. */
export const PROXY_PORTS: ReadonlySet<number> = new Set([15001, 15006, 15008]);
