/** What connections and requests to a cluster may be, on all data threads together. 0: no limit. */
export interface ConnectionPool {
  readonly maxConnections: number;
  /** Requests that wait for a connection. */
  readonly maxPendingRequests: number;
  /** Tries under way at endpoints. */
  readonly maxRequests: number;
  /** Retries under way. */
  readonly maxRetries: number;
  readonly maxRequestsPerConnection: number;
  /** On one connection of HTTP/2. */
  readonly maxConcurrentStreams: number;
  /** Milliseconds, as all that follows. */
  readonly maxConnectionDurationMs: number;
  /** Of a connection without a request; null: the default, 0: it is kept. */
  readonly httpIdleTimeoutMs: number | null;
  /** Of a connection whose bytes are not looked at, without a byte. */
  readonly tcpIdleTimeoutMs: number;
  /** Of connections outside of tunnels; null: as of all. */
  readonly tcpKeepalive: TcpKeepalive | null;
  /** Of connections of HTTP/2; null: they are not asked for a sign of life. */
  readonly http2Keepalive: Http2Keepalive | null;
}

/** PINGs at an interval; without any octet for the timeout after one the connection is cut. */
export interface Http2Keepalive {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** Seconds; 0: as the operating system has it. */
export interface TcpKeepalive {
  readonly probes: number;
  readonly timeS: number;
  readonly intervalS: number;
}

/** Endpoints that fail so often in a row are out for a while. 0 in a row: not looked at. */
export interface OutlierDetection {
  readonly consecutive5xx: number;
  readonly consecutiveGatewayErrors: number;
  /** Whether no answer counts for itself, and not as an answer of 5xx. */
  readonly splitLocalOrigin: boolean;
  readonly consecutiveLocalOrigin: number;
  /** Ejections end at its multiples. */
  readonly intervalMs: number;
  /** Times how often the endpoint was out. */
  readonly baseEjectionMs: number;
  /** Of the endpoints of the cluster. */
  readonly maxEjectionPercent: number;
  /** While fewer are in, all are used. 0: never. */
  readonly minHealthPercent: number;
}

/** While open, requests are refused without asking an endpoint. */
export interface CircuitBreaker {
  /** Of the tries of a window. */
  readonly failurePercent: number;
  readonly windowMs: number;
  /** Tries that a window must have. */
  readonly minimumRequests: number;
  /** Then one request is let through. */
  readonly openMs: number;
}

export interface RetryBudget {
  readonly percent: number;
  readonly minConcurrency: number;
  /** What began so long ago counts; 0: what is under way. */
  readonly intervalMs: number;
}
