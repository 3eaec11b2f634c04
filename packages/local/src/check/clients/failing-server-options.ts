/** What becomes of requests to a server that is out: what its users would see without a mesh. */
export type Outage =
  /** Nobody listens: connections are refused, and those that were open are reset. */
  | 'refuses'
  /** What is sent to the port is dropped. */
  | 'vanishes'
  /** Every request is answered with 503. */
  | 'is unavailable'
  /** Requests are taken, and never answered. */
  | 'is silent';

/** A server of HTTP/1.1 that is out for a while; see `failing-server`. */
export interface FailingServerOptions {
  readonly port: number;
  readonly outage: Outage;
  /** Milliseconds from its start to the outage, and how long that takes. */
  readonly after: number;
  readonly lasts: number;
}

/** What it has seen. */
export interface FailingServerReport {
  /** When the outage began and ended, milliseconds since the epoch. */
  readonly from: number;
  readonly until: number;
  /** When each request came, milliseconds since the epoch. */
  readonly requests: readonly number[];
  /** Connections that were asked for while it had vanished. */
  readonly asked: number;
}
