import type { AmbitError } from '@ambit/core/errors';
import type { FieldList } from './h2/message-fields.ts';
import type { OutputSink } from './h2/output-sink.ts';

export type HttpVersion = 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';

/**
 * Why an exchange ended early. What came from one side can be handed to the other as it is: `other.reset(reset.errorCode)`.
 */
export interface ExchangeReset {
  /** - `peer`: the peer gave the exchange up (RST_STREAM; GOAWAY that passed it over).
   *  - `malformed`: the peer broke a rule; we gave it up.
   *  - `too-large`: the trailers that we were to send are larger than the peer takes; we gave it up.
   *  - `unwritable`: the trailers that we were to send cannot be said in HTTP/1 without meaning something else; we gave it up.
   *  - `connection`: the connection is over, by its end or by an error of either side. */
  readonly cause: 'peer' | 'malformed' | 'too-large' | 'unwritable' | 'connection';
  /** Code of HTTP/2 (RFC 9113 7); with HTTP/1 the nearest one. */
  readonly errorCode: number;
  /** The peer has certainly processed nothing of the request: it may be sent elsewhere, idempotent or not. */
  readonly unprocessed: boolean;
  /** What happened, for people. */
  readonly detail: string;
}

/**
 * What the receiving side of an exchange is told, one object per exchange (`exchange.receiver`). Everything is called
 * synchronously, mostly from within the connection's `receive`; calling back into exchange and connection is allowed. Octets
 * and offsets are valid during the call only. After `endStream`, `onTrailers` or `onReset` nothing more is received;
 * `onWritable` may still come. Without a receiver everything that arrives is released and dropped.
 */
export interface ExchangeReceiver {
  /**
   * Content `bytes[start, end)` without its framing, possibly empty when `endStream`. Every octet must be given back once by
   * `exchange.release`, at once or later when it has left; until then it counts against the sender's window (HTTP/2) or
   * against `H1_UNRELEASED_BYTES`, beyond which reading of the connection pauses (HTTP/1).
   */
  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void;
  /** Trailers, at least one field; they end the peer's side. */
  onTrailers(fields: FieldList): void;
  /**
   * The exchange is over. The last call. Not called after the owner's own `reset`, nor to who asked when the answer is complete
   * and no other protocol is spoken: a server that wants no more of the question resets it then (RFC 9113 8.1), or ends the
   * connection, and nothing of the answer may be lost by that.
   */
  onReset(reset: ExchangeReset): void;
  /** `reserveData` or `sendData` took less than all before, and may take more now. */
  onWritable(): void;
}

/** The receiving side of a request that we sent. */
export interface ResponseReceiver extends ExchangeReceiver {
  /** An interim response (100, 102, 103); at most `MAX_INTERIM_RESPONSES` of them. */
  onInformational(fields: FieldList): void;
  /**
   * The final response head. May come before the request was sent completely. 101 only to a request with the field `upgrade`,
   * sent without `endStream`: what follows both ways is then the other protocol's (in HTTP/2 without trailers). HTTP/1 takes no content of such a request
   * before; with another status there is none.
   */
  onResponse(fields: FieldList, endStream: boolean): void;
}

/**
 * One request and its response, seen from one end: an HTTP/1 message pair or an HTTP/2 stream. Calls with an exchange that is
 * over do nothing (`release` excepted, which is always due).
 */
export interface HttpExchange {
  /** Version spoken on this connection; for HTTP/1 servers that of the request. */
  readonly version: HttpVersion;
  /** Over in both directions, or reset. */
  readonly closed: boolean;
  /** We sent everything. */
  readonly localEnded: boolean;
  /** The peer sent everything. */
  readonly remoteEnded: boolean;
  /** The connection's output; `reservedAt` is an offset of `sink.bytes`. */
  readonly sink: OutputSink;
  /** Where the octets that `reserveData` gave are to be written in `sink.bytes`. */
  readonly reservedAt: number;
  /**
   * How many octets of content (at most `max`) may be written at `sink.bytes[reservedAt]` right now; nothing else may be called
   * on this connection before the `commitData` for them, which may be left out. 0: nothing can be sent, and `onWritable` will
   * come. `least` is the room worth having (default 4 KiB or `max`, whichever is less).
   */
  reserveData(max: number, least?: number): number;
  /** Sends the first `size` octets of what `reserveData` gave. `size` 0 without `endStream` sends nothing. */
  commitData(size: number, endStream: boolean): void;
  /**
   * Sends a copy of `bytes[start, end)` as far as possible; returns the octets taken. Our side ends only when all were. Less
   * than all: keep the rest and wait for `onWritable`. HTTP/1 takes and drops content where the message has none (HEAD, 204, 304).
   */
  sendData(bytes: Buffer, start: number, end: number, endStream: boolean): number;
  /** Ends our side without further content. */
  endStream(): void;
  /**
   * Ends our side with trailers. HTTP/1 drops them where the message has no place for them (declared length, HTTP/1.0).
   * Trailers that cannot be said end the exchange, and `onReset` comes from within: `unwritable` (HTTP/1), or `too-large` when the
   * peer takes none so large (HTTP/2).
   */
  sendTrailers(fields: FieldList): void;
  /** Gives back `size` octets of `onData`; also when the exchange is over by then. */
  release(size: number): void;
  /**
   * Gives the exchange up in both directions. `onReset` is not called.
   * HTTP/2: RST_STREAM with `errorCode`. HTTP/1: the connection ends with it (`onEnd` with `cut`), because nothing else tells
   * the peer. One exception: a server that has answered completely and does not want the rest of the request says
   * `reset(ErrorCode.noError)`; up to `H1_DISCARDED_BYTES` are then skipped and the connection stays.
   */
  reset(errorCode: number): void;
}

/** A request that arrived. */
export interface ServerExchange extends HttpExchange {
  /** To be set within `onRequest`; may be replaced at any time. */
  receiver: ExchangeReceiver | undefined;
  /** The client waits for 100 before it sends content (`expect: 100-continue`). */
  readonly expectsContinue: boolean;
  /**
   * The protocols that the client asks to switch to, as the field `upgrade` of the request lists them; HTTP/2 and TLS are not
   * among them. Content comes after `respond` with 101 and the chosen protocol in the field `upgrade`: it has no framing, and
   * each side ends for itself. With any other answer there is none, and `remoteEnded` becomes true (HTTP/1). Undefined: none.
   * With HTTP/2 it is the `:protocol` of a CONNECT (RFC 8441), which is told as the GET that it would be in HTTP/1; `respond`
   * throws `AMBIT_HTTP_UNWRITABLE` for a success other than 101, because a success is the switch there.
   */
  readonly upgrade: string | undefined;
  /** Sends an interim response (1xx but 101). Dropped towards HTTP/1.0, after `respond`, and when the peer takes none so large. */
  inform(fields: FieldList): void;
  /**
   * Sends the response head; once. `fields` begins with `:status`. HTTP/1 frames by `content-length` where given, else by
   * chunks (by the end of the connection towards HTTP/1.0); hop-by-hop fields are the connection's own matter.
   * Throws `AMBIT_HTTP_UNWRITABLE` (HTTP/1) when a field cannot be written, `AMBIT_HTTP_TOO_LARGE` (HTTP/2) when the peer has
   * said that it takes no such head: nothing was, another answer may be given.
   */
  respond(fields: FieldList, endStream: boolean): void;
}

/** A request that we sent. */
export interface ClientExchange extends HttpExchange {
  receiver: ResponseReceiver | undefined;
  /** The connection has carried a request before: the peer may have closed it unseen. */
  readonly reusedConnection: boolean;
}

/** What both ends of a connection have. Octets in by `receive`, octets out through the sink given to the constructor. */
export interface HttpConnection {
  readonly version: 'HTTP/1.1' | 'HTTP/2';
  /** Over: nothing is read, written or called any more. */
  readonly ended: boolean;
  /** Exchanges that are not over. */
  readonly active: number;
  /** Who receives on them, listed anew for each caller; not for every request. */
  readonly receivers: readonly ExchangeReceiver[];
  /** To be called once, when the transport is open and before anything else: HTTP/2 writes its SETTINGS. */
  start(): void;
  /**
   * Reads all of `bytes[start, end)`; false when the connection is over (then `onEnd` was called, now or before).
   * Nothing needs to be handed in twice: a head that is incomplete and requests that came too early are copied and kept.
   */
  receive(bytes: Buffer, start: number, end: number): boolean;
  /**
   * The peer has finished sending (FIN or close_notify), in good order. A response that lasts until the end is complete now, any
   * other message that is incomplete is broken. A server still answers the request it has; then `onEnd` comes.
   */
  receiveEnd(): void;
  /** The sink has room again after `room` said no: waiting octets are moved, then `onWritable` is called. */
  outputDrained(): void;
  /**
   * Ends in good order: no new requests, open ones go on (HTTP/2 says GOAWAY, HTTP/1 `connection: close`), then `onEnd`. May
   * come at once, from within. Idempotent.
   */
  drain(): void;
  /** The transport is gone, or the owner gives the connection up: open exchanges hear `onReset`. `onEnd` is not called. Idempotent. */
  abort(error: AmbitError | undefined): void;
}

/** What any connection tells its owner. */
export interface HttpConnectionHandler {
  /**
   * HTTP/1: the transport is not to be read until `onResumeReading`, because content waits to be released, or because a
   * pipelined request has to wait. `receive` still takes what had been read. Calls alternate. Never called with HTTP/2.
   */
  onPauseReading(): void;
  onResumeReading(): void;
  /**
   * After a switch of protocols: we have sent everything. What stands in the sink has still to be sent, then our direction of
   * the transport ends (FIN) and the other goes on. Never called with HTTP/2.
   */
  onOutputEnd(): void;
  /**
   * The connection is over; called once, last, after the open exchanges heard `onReset`. What stands in the sink has still to
   * be sent: `cut` false, then close in order (`endpoint.end()`). `cut` true: a message was broken off and must not look
   * complete: `endpoint.destroy(error, true)`. `error` is undefined after an end in good order.
   */
  onEnd(error: AmbitError | undefined, cut: boolean): void;
}

/** The server's end. */
export interface ServerConnection extends HttpConnection {
  /** Nothing is under way: neither an exchange nor a part of a head. For idle timeouts. */
  readonly idle: boolean;
  /**
   * HTTP/1: a head has begun and is incomplete, or an answered request has a rest that nobody wants and that is still to come.
   * For timeouts of slow clients; false with HTTP/2.
   */
  readonly inHead: boolean;
  /**
   * Answers a head that took too long with 408 and ends the connection, with an unwanted rest without a word. Only while
   * `inHead`, or when `idle`; else nothing happens.
   */
  timeOutHead(): void;
  /** The answer to `onPipelined`. */
  proceed(): void;
  /**
   * As of every connection. With `keepIdle` an idle HTTP/1 connection answers one more request, with `connection: close`: its
   * client may have sent it already, and could not know whether it was processed. It does not end by itself then.
   */
  drain(keepIdle?: boolean): void;
}

export interface ServerConnectionHandler extends HttpConnectionHandler {
  /**
   * A request began; `fields` begins with `:method`, `:scheme`, `:authority` (absent only when an HTTP/1.0 request has no
   * Host), `:path`; no `host`, no hop-by-hop fields but `te: trailers`. HTTP/1: the next one comes when the exchange is over.
   */
  onRequest(exchange: ServerExchange, fields: FieldList, endStream: boolean): void;
  /** A request was malformed and answered with `status` without the owner; for log and metrics. `reason` is a stable word where HTTP/1 refused it. */
  onRefused(status: number, reason: string): void;
  /**
   * HTTP/1: the exchange is over, and octets of the next request have arrived already. Call `proceed` from a fresh stack
   * (`reactor.defer`): it reads them.
   */
  onPipelined(): void;
}

/** The client's end. */
export interface ClientConnection extends HttpConnection {
  /** Requests that may be sent now. HTTP/1: 1 when idle and reusable, else 0. */
  readonly available: number;
  /** No request will be taken any more: GOAWAY, `connection: close`, an answer before the request was complete, `drain`. */
  readonly retired: boolean;
  /**
   * Whether a request may ask for another protocol: always with HTTP/1, whose server may ignore it; with HTTP/2 when the server
   * offers it (RFC 8441 3). Undefined: it has not said yet.
   */
  readonly upgrades: boolean | undefined;
  /** Calls `then` once, maybe from within, when `upgrades` is known or no request will be taken any more. Who waits takes the place of a request. */
  whenSettled(then: () => void): void;
  /** Requests sent so far. */
  readonly requests: number;
  /**
   * Sends a request head; `fields` as in `onRequest`, `:authority` required. Undefined when none may be sent (`available` 0).
   * Throws `AMBIT_HTTP_UNWRITABLE` (HTTP/1) when a field cannot be written, `AMBIT_HTTP_TOO_LARGE` (HTTP/2) when the peer has
   * said that it takes no such head; nothing was, and the connection stays as it was. With the field `upgrade` and without
   * `endStream` it asks for another protocol: HTTP/2 knows that only of GET, and throws `AMBIT_HTTP_UNWRITABLE` else, and unless
   * `upgrades` is true.
   */
  request(fields: FieldList, endStream: boolean, receiver: ResponseReceiver): ClientExchange | undefined;
}

export interface ClientConnectionHandler extends HttpConnectionHandler {
  /** `available` rose above 0: an exchange is over and the connection can be reused, or the peer's SETTINGS allow more. */
  onAvailable(): void;
  /** `retired` became true; open exchanges go on, and `onEnd` follows when none is left. */
  onRetired(): void;
}
