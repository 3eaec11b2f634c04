/**
 * Header by which a client of this project asks for heartbeats, and in which the server answers how often they come
 * (milliseconds). A heartbeat is an empty response. Servers and clients that do not know the header ignore it.
 */
export const HEARTBEAT_HEADER = 'x-ambit-heartbeat';

/** The interval a server named, if it is a sensible one. */
export function parseHeartbeat(value: string | Buffer | undefined): number | undefined {
  if (typeof value !== 'string' || !/^[1-9][0-9]{2,6}$/.test(value)) return undefined;
  return Number(value);
}
