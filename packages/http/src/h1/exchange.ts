import type {
  ClientExchange,
  HttpExchange,
  HttpVersion,
  ResponseReceiver,
  ServerExchange,
  ExchangeReceiver,
} from '../exchange.ts';
import { ErrorCode } from '../h2/frames.ts';
import type { FieldList } from '../h2/message-fields.ts';
import type { OutputSink } from '../h2/output-sink.ts';
import { MIN_DATA_ROOM_BYTES } from '../limits.ts';
import { UnwritableError } from '../unwritable.ts';
import type { MessageWriter } from './internal/message-writer.ts';

/** What an exchange asks of the connection that it stands on. */
export interface ExchangeOwner {
  readonly writer: MessageWriter;
  release(size: number): void;
  /** Our side of the exchange at hand is complete. */
  onLocalEnd(): void;
  /** `reset` of the exchange at hand. */
  giveUp(errorCode: number): void;
  /** The exchange at hand cannot be completed: `writer.problem` says why. */
  onProblem(): void;
}

export interface ServerExchangeOwner extends ExchangeOwner {
  respond(fields: FieldList, endStream: boolean): void;
  inform(fields: FieldList): void;
}

/** A request and its response on an HTTP/1 connection. It outlives its turn there harmlessly: when `closed`, no call has effect. */
export abstract class Http1Exchange implements HttpExchange {
  abstract receiver: ExchangeReceiver | undefined;
  readonly version: HttpVersion;
  readonly sink: OutputSink;
  closed = false;
  localEnded = false;
  remoteEnded = false;
  /** Another protocol is spoken: either side ends for itself, and the connection with both. */
  switched = false;
  /** Our (final) head was sent. */
  headSent = false;
  readonly #owner: ExchangeOwner;

  protected constructor(owner: ExchangeOwner, version: HttpVersion) {
    this.#owner = owner;
    this.version = version;
    this.sink = owner.writer.output.sink;
  }

  /** The question is ours, and its answer is complete. */
  get answered(): boolean {
    return false;
  }

  get reservedAt(): number {
    return this.#owner.writer.reservedAt;
  }

  reserveData(max: number, least: number = Math.min(max, MIN_DATA_ROOM_BYTES)): number {
    if (!this.#sending) return 0;
    const room = this.#owner.writer.reserve(max, least);
    this.#check();
    return room;
  }

  commitData(size: number, endStream: boolean): void {
    if (!this.#sending) return;
    this.#owner.writer.commit(size);
    if (endStream) this.#end();
  }

  sendData(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    if (!this.#sending) return 0;
    const taken = this.#owner.writer.send(bytes, start, end);
    if (this.#check() && endStream && taken === end - start) this.#end();
    return taken;
  }

  endStream(): void {
    if (this.#sending) this.#end();
  }

  sendTrailers(fields: FieldList): void {
    if (!this.#sending) return;
    try {
      this.#owner.writer.trailers(fields);
    } catch (thrown) {
      if (!(thrown instanceof UnwritableError)) throw thrown;
      const { receiver } = this;
      this.reset(ErrorCode.internalError);
      receiver?.onReset({
        cause: 'unwritable',
        errorCode: ErrorCode.internalError,
        unprocessed: false,
        detail: `the trailers cannot be said in HTTP/1: ${thrown.message}`,
      });
      return;
    }
    this.#finishSending();
  }

  release(size: number): void {
    this.#owner.release(size);
  }

  reset(errorCode: number): void {
    if (!this.closed) this.#owner.giveUp(errorCode);
  }

  get #sending(): boolean {
    return this.headSent && !this.localEnded && !this.closed;
  }

  #end(): void {
    this.#owner.writer.end();
    this.#finishSending();
  }

  #finishSending(): void {
    if (!this.#check()) return;
    this.localEnded = true;
    this.#owner.onLocalEnd();
  }

  #check(): boolean {
    if (this.#owner.writer.problem === undefined) return true;
    this.#owner.onProblem();
    return false;
  }
}

export class Http1ServerExchange extends Http1Exchange implements ServerExchange {
  receiver: ExchangeReceiver | undefined = undefined;
  readonly expectsContinue: boolean;
  readonly upgrade: string | undefined;
  /** The request was HEAD. */
  readonly headRequest: boolean;
  readonly #owner: ServerExchangeOwner;

  constructor(
    owner: ServerExchangeOwner,
    version: HttpVersion,
    headRequest: boolean,
    expectsContinue: boolean,
    upgrade: string | undefined,
  ) {
    super(owner, version);
    this.upgrade = upgrade;
    this.#owner = owner;
    this.headRequest = headRequest;
    this.expectsContinue = expectsContinue;
  }

  inform(fields: FieldList): void {
    if (!this.closed && !this.headSent) this.#owner.inform(fields);
  }

  respond(fields: FieldList, endStream: boolean): void {
    if (!this.closed && !this.headSent) this.#owner.respond(fields, endStream);
  }
}

export class Http1ClientExchange extends Http1Exchange implements ClientExchange {
  receiver: ResponseReceiver | undefined;
  readonly reusedConnection: boolean;
  /** The request is HEAD. */
  readonly headRequest: boolean;
  /** The protocols that the request asks for; undefined: none. */
  readonly upgrade: string | undefined;
  /** Interim responses so far. */
  interims = 0;

  constructor(
    owner: ExchangeOwner,
    receiver: ResponseReceiver,
    headRequest: boolean,
    reusedConnection: boolean,
    upgrade: string | undefined,
  ) {
    super(owner, 'HTTP/1.1');
    this.receiver = receiver;
    this.headRequest = headRequest;
    this.upgrade = upgrade;
    this.reusedConnection = reusedConnection;
    this.headSent = true;
  }

  override get answered(): boolean {
    return this.remoteEnded && !this.switched;
  }
}
