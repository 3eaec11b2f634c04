import type { Http2ConnectionError } from './errors.ts';
import type { FieldList } from './message-fields.ts';
import type { Http2Stream } from './stream.ts';

/**
 * What a connection tells its owner. Everything is called synchronously, mostly from within `receive`; calling back into the
 * connection is allowed. Octets and offsets are valid during the call only.
 */
export interface Http2Handler<Owner> {
  /** Server: a request began. Client: the final response head arrived. */
  onHeaders(stream: Http2Stream<Owner>, fields: FieldList, endStream: boolean): void;
  /** Server: a request was malformed and answered with `status`; `problem` is for people. Default: nothing. */
  onRefused?(status: number, problem: string): void;
  /** Client: an interim response (1xx), at most `MAX_INTERIM_RESPONSES` of them. */
  onInformational(stream: Http2Stream<Owner>, fields: FieldList): void;
  /** Trailers; they end the peer's side. */
  onTrailers(stream: Http2Stream<Owner>, fields: FieldList): void;
  /**
   * Content `bytes[start, end)`, possibly empty when `endStream`. Every octet must be given back once with `releaseConnection`,
   * also when its stream is over by then, and with `releaseStream` while the stream lives (or both at once: `release`).
   */
  onData(stream: Http2Stream<Owner>, bytes: Buffer, start: number, end: number, endStream: boolean): void;
  /**
   * The stream is over: reset by the peer, or by us because the peer broke a rule. `REFUSED_STREAM` by the peer means that
   * nothing of the request was processed (also when GOAWAY passed it over). Not called for `resetStream` by the owner.
   */
  onReset(stream: Http2Stream<Owner>, errorCode: number, byPeer: boolean): void;
  /** The stream left the connection, in whatever way; the last call for it, and its slot is free. */
  onStreamClosed(stream: Http2Stream<Owner>): void;
  /** `reserveData` gave nothing before and may do so now. */
  onWritable(stream: Http2Stream<Owner>): void;
  /** The peer's SETTINGS changed. */
  onSettings(): void;
  /** The peer takes no new streams. Those above `lastStreamId` were already reported by `onReset`. */
  onGoAway(lastStreamId: number, errorCode: number, debug: string): void;
  /** The answer to `ping`. */
  onPong(): void;
  /** After `drain`: the last GOAWAY is written and no stream is left. */
  onDrained(): void;
  /**
   * The connection is over; a GOAWAY that says so is in the output if there was room. Nothing is called after it, and
   * the streams still open are in `connection.streams`.
   */
  onError(error: Http2ConnectionError): void;
}
