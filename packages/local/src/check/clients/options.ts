import type { LookupReport } from './lookups.ts';

/** Ports of the check server; each behaves in one way. */
export const SERVER_PORTS = {
  /** Sends every byte back until the client ends, then ends. */
  echo: 7100,
  /** Sends the first line back and ends: the server closes first, so that no port of the client stays in TIME_WAIT. */
  echoOnce: 7101,
  /** Says a line at once, then behaves as `echo`. */
  greeting: 7102,
  /** Waits for the client's end, then sends `LATE_ANSWER_BYTES` and ends. */
  lateAnswer: 7103,
  /** Answers the first bytes with a reset. */
  reset: 7104,
  /** As `echoOnce`, for policies that close a port. */
  closedPort: 7105,
  /** HTTP/1.1: answers with the path and ends the connection. */
  http1: 7106,
  /** HTTP/2 without TLS: answers one request and ends the connection. */
  http2: 7107,
  /** As `echoOnce`, for who dials 127.0.0.1. */
  loopback: 7108,
  /** As `echoOnce`, for who dials the IPv4 address of the pod. */
  podAddress: 7109,
} as const;

export type ServerPort = keyof typeof SERVER_PORTS;

/** What `lateAnswer` sends after the client's end: enough to fill every buffer on the way several times. */
export const LATE_ANSWER_BYTES = 1_048_576;

/**
 * The string that every check connection carries and no capture may show. It is part of what the shop's requests carry,
 * so that one search finds both.
 */
export const CHECK_MARKER = 'marker-in-plain-sight';

/** One connection to make; see `dial`. Times in milliseconds. */
export interface DialOptions {
  readonly host: string;
  readonly port: number;
  /** Sent when connected. Default nothing. */
  readonly send?: string;
  /** Send the end right after `send`. Default false. */
  readonly endAfterSend?: boolean;
  /** Reset the connection when the first bytes have arrived. Default false. */
  readonly resetAfterAnswer?: boolean;
  /** End when the first bytes have arrived. Default false: the other side ends. */
  readonly endAfterAnswer?: boolean;
  /** Gives up after so long. */
  readonly timeout: number;
}

/** How a connection ended: by the other side's FIN, by a reset, refused at once, by our own limit, or by another error. */
export type Ending = 'fin' | 'reset' | 'refused' | 'timeout' | 'own-reset' | 'error';

/** What became of one connection. Moments are milliseconds since the epoch. */
export interface DialResult {
  readonly startedAt: number;
  readonly connectedAt?: number;
  readonly firstByteAt?: number;
  readonly endedAt: number;
  readonly ending: Ending;
  readonly errno?: string;
  readonly receivedBytes: number;
  /** The first 300 characters received. */
  readonly received: string;
}

/** A load of new connections; see `load`. Times in milliseconds. */
export interface LoadOptions {
  readonly host: string;
  /** Connections opened per second, each with one exchange. 0 opens none. */
  readonly rate: number;
  /** What they speak: lines on the `echoOnce` port, or HTTP. Default `tcp`. */
  readonly protocol?: 'http1' | 'http2' | 'tcp';
  /** Connections under way at once; one that would be more is left out and reported. Default 3000. */
  readonly maxOpen?: number;
  /** Connections that stay open on the `echo` port and exchange one message each `messageEvery`. Default 0. */
  readonly held?: number;
  /** Default 100. */
  readonly messageEvery?: number;
  /** A connection without an answer for so long has failed. Default 5000. */
  readonly timeout?: number;
  /** A name that is looked up 20 times a second. Default none. */
  readonly name?: string;
  /** Ends by itself after so long. Default: when told to. */
  readonly duration?: number;
}

/** One new connection. Moments are milliseconds since the epoch. */
export interface Attempt {
  readonly startedAt: number;
  readonly connectedAt?: number;
  readonly endedAt: number;
  /** Absent when the exchange succeeded. */
  readonly failure?: string;
}

/** The end of a connection that was to stay open. */
export interface Cut {
  readonly openedAt: number;
  readonly at: number;
  readonly failure: string;
}

/** What a load client saw. */
export interface LoadReport {
  /** In the order in which they ended. */
  readonly attempts: readonly Attempt[];
  /** Connections that were not opened because `maxOpen` were under way. */
  readonly leftOut: number;
  /** How late the generator opened a connection at worst, in milliseconds. */
  readonly worstLateness: number;
  /** How many stayed-open connections were established. */
  readonly held: number;
  readonly messages: number;
  /** How long the slowest message on a stayed-open connection took there and back, in milliseconds. */
  readonly slowestMessage: number;
  readonly cuts: readonly Cut[];
  /** Of `LoadOptions.name`. */
  readonly names: LookupReport;
}

/** What the check server prints per connection of the ports other than `echo` and `echoOnce`. */
export interface ServerEvent {
  readonly port: ServerPort;
  readonly at: number;
  readonly from: string;
  readonly event: 'accepted' | 'fin' | 'reset' | 'error';
  readonly errno?: string;
}
