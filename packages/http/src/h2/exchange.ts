import type { ExchangeReceiver, ExchangeReset, HttpExchange } from '../exchange.ts';
import type { Http2Connection } from './connection.ts';
import { ErrorCode, errorCodeName } from './frames.ts';
import { TooLargeError } from '../unwritable.ts';
import { type FieldList, fieldListSize } from './message-fields.ts';
import type { OutputSink } from './output-sink.ts';
import type { PeerSettings } from './peer-settings.ts';
import type { Http2Stream } from './stream.ts';

/** An HTTP/2 stream as an exchange. `Self` is what the connection's streams carry as their owner. */
export abstract class Http2Exchange<Self> implements HttpExchange {
  abstract receiver: ExchangeReceiver | undefined;
  readonly version = 'HTTP/2' as const;
  readonly sink: OutputSink;
  protected readonly http: Http2Connection<Self>;
  protected readonly stream: Http2Stream<Self>;

  protected constructor(http: Http2Connection<Self>, stream: Http2Stream<Self>, sink: OutputSink) {
    this.http = http;
    this.stream = stream;
    this.sink = sink;
  }

  get closed(): boolean {
    return this.stream.closed || this.http.ended;
  }

  get localEnded(): boolean {
    return this.stream.localEnded;
  }

  get remoteEnded(): boolean {
    return this.stream.remoteEnded;
  }

  get reservedAt(): number {
    return this.http.reservedAt;
  }

  reserveData(max: number, least?: number): number {
    return this.http.reserveData(this.stream, max, least);
  }

  commitData(size: number, endStream: boolean): void {
    if (size > 0) this.http.commitData(this.stream, size, endStream);
    else if (endStream) this.http.endStream(this.stream);
  }

  sendData(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    return this.http.sendData(this.stream, bytes, start, end, endStream);
  }

  endStream(): void {
    this.http.endStream(this.stream);
  }

  sendTrailers(fields: FieldList): void {
    if (fields.length === 0) this.http.endStream(this.stream);
    else if (fits(fields, this.http.peer)) this.http.sendTrailers(this.stream, fields);
    else this.#giveUp();
  }

  release(size: number): void {
    this.http.release(this.stream, size);
  }

  reset(errorCode: number): void {
    this.http.resetStream(this.stream, errorCode);
  }

  #giveUp(): void {
    if (this.closed || this.localEnded) return;
    const { receiver } = this;
    this.http.resetStream(this.stream, ErrorCode.internalError);
    receiver?.onReset(TRAILERS_TOO_LARGE);
  }
}

/** Whether the peer takes a list of this size; it has not said otherwise before its SETTINGS have come. */
export function fits(fields: FieldList, { maxHeaderListSize }: PeerSettings): boolean {
  return maxHeaderListSize === Number.POSITIVE_INFINITY || fieldListSize(fields) <= maxHeaderListSize;
}

/** @throws TooLargeError when the peer does not take a head of this size. */
export function requireFit(fields: FieldList, peer: PeerSettings): void {
  if (!fits(fields, peer)) throw new TooLargeError(fieldListSize(fields), peer.maxHeaderListSize);
}

const TRAILERS_TOO_LARGE: ExchangeReset = {
  cause: 'too-large',
  errorCode: ErrorCode.internalError,
  unprocessed: false,
  detail: 'the trailers are larger than the peer takes',
};

/** What an exchange hears of a stream's reset. */
export function streamReset(errorCode: number, byPeer: boolean): ExchangeReset {
  return {
    cause: byPeer ? 'peer' : 'malformed',
    errorCode,
    unprocessed: byPeer && errorCode === ErrorCode.refusedStream,
    detail: `${whatHappened(errorCode, byPeer)} (${errorCodeName(errorCode)})`,
  };
}

function whatHappened(errorCode: number, byPeer: boolean): string {
  if (byPeer) return 'the peer reset the stream';
  if (errorCode === ErrorCode.enhanceYourCalm) return 'a head or trailers of the peer are too large, or too many';
  return 'the stream broke a rule';
}

export function connectionLost(detail: string): ExchangeReset {
  return { cause: 'connection', errorCode: ErrorCode.cancel, unprocessed: false, detail };
}
