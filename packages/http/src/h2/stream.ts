/** How a stream ended, for frames that arrive late. */
export type Ending = 'ended' | 'reset-by-peer' | 'reset-by-us';

/**
 * One stream of a connection (RFC 9113 5.1). Read its state here; change it through the connection only.
 * `Owner` is what the connection's owner hangs on it, so that no second look-up is needed.
 */
export class Http2Stream<Owner> {
  readonly id: number;
  owner: Owner | undefined = undefined;
  /** Octets the peer lets us send; below zero after it shrank its initial window. */
  sendWindow: number;
  /** Octets the peer may still send. */
  receiveWindow: number;
  /** Octets the owner gave back that no WINDOW_UPDATE has told the peer yet. */
  unreported = 0;
  /** Content-Length minus received DATA; -1 when the length is not declared. */
  remainingLength = -1;
  /** We sent END_STREAM. */
  localEnded = false;
  /** The peer sent END_STREAM. */
  remoteEnded = false;
  /** We sent the (final) header section. */
  headersSent = false;
  /** The peer sent its (final) header section. */
  headersReceived = false;
  /** Client: interim responses so far. */
  interims = 0;
  /** A client's request was HEAD: the response's length is not that of its body. */
  headRequest = false;
  /** A client's request was CONNECT, or the server's stream is one: Content-Length means nothing. */
  connectRequest = false;
  /** Removed from its connection; every call with it does nothing. */
  closed = false;
  /** Wants `onWritable` when there is room again. */
  waiting = false;
  /** Stands in the connection's queue of streams that wait for the connection. */
  queued = false;

  constructor(id: number, sendWindow: number, receiveWindow: number) {
    this.id = id;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }
}
