import { AmbitError } from '@ambit/core/errors';
import { ErrorCode } from '@ambit/http/h2/frames';
import { type FieldList, fieldValue } from '@ambit/http/h2/message-fields';
import type { ClientConnection, ClientExchange, ExchangeReset, ResponseReceiver } from '@ambit/http/exchange';
import { ETIMEDOUT, SystemCallError } from '@ambit/native/errno';
import {
  type AttemptOutcome,
  CONNECT_REFUSED,
  CONNECT_TIMED_OUT,
  NO_UPGRADE,
  overflowOf,
  REFUSED_STREAM,
  TOO_LARGE,
} from '@ambit/traffic/retry/attempt-outcome';
import { DISCARDED_RESPONSE_BYTES } from '../limits.ts';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import { requestLimitMet } from './connection-limits.ts';
import type { ConnectionSeeker, UpstreamVersion } from './upstream-endpoint.ts';
import type { ChosenEndpoint } from './upstreams.ts';

/** Who tries. Nothing is called after `onOutcome` with a failure, after the end of the response, or after `abandon`. */
export interface AttemptOwner {
  /** The head of the request as an endpoint gets it that speaks this version, and whether it is all. */
  head(version: UpstreamVersion): FieldList;
  readonly headOnly: boolean;
  /** The request asks for another protocol. */
  readonly upgrade: boolean;
  /** A connection is there and has the head: content may follow. */
  onSent(exchange: ClientExchange): void;
  onInterim(fields: FieldList): void;
  /** The head of a response: passed on, or `abandon` follows from within. */
  onHead(fields: FieldList, endStream: boolean): void;
  onContent(bytes: Buffer, start: number, end: number, endStream: boolean): void;
  onResponseTrailers(fields: FieldList): void;
  /** No response, or no end of it. `stale`: a connection that had been used before was closed without a word. */
  onFailed(outcome: AttemptOutcome, error: AmbitError | undefined, stale: boolean): void;
  /** The endpoint takes content again. */
  onAttemptWritable(exchange: ClientExchange): void;
}

/** One try of a request at one endpoint. */
export class Attempt implements ConnectionSeeker, ResponseReceiver {
  readonly chosen: ChosenEndpoint;
  readonly #owner: AttemptOwner;
  readonly #version: UpstreamVersion;
  #exchange: ClientExchange | undefined;
  #responding = false;
  #settlingTimer: ReactorTimer | undefined;
  #connectTimeoutMs = 0;
  /** Among the requests that its cluster may have. */
  #counted = false;
  #over = false;

  constructor(owner: AttemptOwner, chosen: ChosenEndpoint, version: UpstreamVersion) {
    this.#owner = owner;
    this.chosen = chosen;
    this.#version = version;
    chosen.slot.active += 1;
    chosen.upstream.active += 1;
  }

  /** Undefined until a connection has the head of the request. */
  get exchange(): ClientExchange | undefined {
    return this.#exchange;
  }

  /** May call the owner from within. */
  begin(fresh: boolean, connectTimeoutMs: number): void {
    this.#connectTimeoutMs = connectTimeoutMs;
    this.chosen.upstream.seek(this.#version, this, fresh, connectTimeoutMs);
  }

  /** Gives the try up: nothing of it is wanted any more. Idempotent. */
  abandon(): void {
    if (this.#over) return;
    const exchange = this.#exchange;
    this.#end();
    if (exchange === undefined) {
      this.chosen.upstream.withdraw(this.#version, this);
    } else if (!exchange.closed) {
      // With HTTP/1 a reset costs the connection; a short rest of an answer is cheaper to read.
      if (exchange.version === 'HTTP/2' || !exchange.localEnded || !this.#shortRest) exchange.reset(ErrorCode.cancel);
      else exchange.receiver = undefined;
    }
  }

  /** Everything came and everything was sent that will be. */
  complete(): void {
    const exchange = this.#exchange;
    this.#end();
    // The answer was complete before the request was: the rest of it is of no interest to the endpoint.
    if (exchange?.closed === false && !exchange.localEnded) exchange.reset(ErrorCode.noError);
  }

  onConnection(connection: ClientConnection): void {
    if (this.#over) return;
    const { limits } = this.chosen.upstream;
    if (limits !== undefined && !this.#counted) {
      if (!limits.takeRequest()) {
        this.onConnectFailed(requestLimitMet(limits));
        return;
      }
      this.#counted = true;
    }
    if (this.#owner.upgrade && connection.upgrades !== true) this.#settle(connection);
    else this.#send(connection);
  }

  /** An endpoint of HTTP/2 says in its first words whether it switches protocols: as long as that takes it is being connected. */
  #settle(connection: ClientConnection): void {
    if (connection.upgrades === false) {
      this.#fail(NO_UPGRADE, undefined, false);
      return;
    }
    this.#settlingTimer = this.chosen.upstream.after(this.#connectTimeoutMs, () => {
      this.#fail(
        CONNECT_TIMED_OUT,
        new AmbitError('AMBIT_UPSTREAM_SILENT', 'the endpoint says nothing', { source: 'peer' }),
        false,
      );
    });
    connection.whenSettled(() => {
      this.#settlingTimer?.cancel();
      if (this.#over) return;
      if (connection.upgrades === undefined) this.#fail(CONNECT_REFUSED, undefined, false);
      else this.onConnection(connection);
    });
  }

  #send(connection: ClientConnection): void {
    const owner = this.#owner;
    let exchange: ClientExchange | undefined;
    try {
      exchange = connection.request(owner.head(connection.version), owner.headOnly, this);
    } catch (thrown) {
      // The codec says what cannot be written; the connection stays as it was.
      const error = thrown instanceof AmbitError ? thrown : undefined;
      if (error === undefined) throw thrown;
      const tooLarge = error.code === 'AMBIT_HTTP_TOO_LARGE';
      this.#fail(tooLarge ? TOO_LARGE : UNWRITABLE, error, false);
      return;
    }
    // Writing it broke the connection, and `onReset` has told so.
    if (this.#isOver()) return;
    if (exchange === undefined) {
      this.#fail(REFUSED_STREAM, undefined, false);
      return;
    }
    this.#exchange = exchange;
    owner.onSent(exchange);
  }

  onConnectFailed(error: AmbitError): void {
    if (this.#over) return;
    const overflow = overflowOf(error.code);
    if (overflow !== undefined) this.#fail(overflow, error, false);
    else this.#fail(timedOut(error) ? CONNECT_TIMED_OUT : CONNECT_REFUSED, error, false);
  }

  onInformational(fields: FieldList): void {
    if (!this.#over) this.#owner.onInterim(fields);
  }

  onResponse(fields: FieldList, endStream: boolean): void {
    if (this.#over) return;
    this.#responding = true;
    this.#shortRest = endStream || isShort(fields);
    this.#owner.onHead(fields, endStream);
  }

  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.#over) this.#exchange?.release(end - start);
    else this.#owner.onContent(bytes, start, end, endStream);
  }

  onTrailers(fields: FieldList): void {
    if (!this.#over) this.#owner.onResponseTrailers(fields);
  }

  onReset(reset: ExchangeReset): void {
    if (this.#over) return;
    const stale = !this.#responding && reset.cause === 'connection' && this.#exchange?.reusedConnection === true;
    const error = new AmbitError('AMBIT_UPSTREAM_RESET', reset.detail, { source: 'peer' });
    this.#fail(outcomeOf(reset), error, stale);
  }

  onWritable(): void {
    const exchange = this.#exchange;
    if (exchange !== undefined && !this.#over) this.#owner.onAttemptWritable(exchange);
  }

  #shortRest = false;

  #fail(outcome: AttemptOutcome, error: AmbitError | undefined, stale: boolean): void {
    this.#end();
    this.#owner.onFailed(outcome, error, stale);
  }

  #isOver(): boolean {
    return this.#over;
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#settlingTimer?.cancel();
    this.chosen.slot.active -= 1;
    this.chosen.upstream.active -= 1;
    if (this.#counted) this.chosen.upstream.limits?.requestEnded();
    this.chosen.upstream.checkUse();
  }
}

const UNWRITABLE = { kind: 'reset', reason: 'protocol-error', requestSent: false } as const;

function outcomeOf({ cause, unprocessed }: ExchangeReset): AttemptOutcome {
  if (unprocessed) return REFUSED_STREAM;
  switch (cause) {
    case 'peer':
      return { kind: 'reset', reason: 'remote-reset', requestSent: true };
    case 'malformed':
      return { kind: 'reset', reason: 'protocol-error', requestSent: true };
    case 'too-large':
      return TOO_LARGE;
    case 'unwritable':
      return { kind: 'reset', reason: 'protocol-error', requestSent: true };
    case 'connection':
      return { kind: 'reset', reason: 'connection-ended', requestSent: true };
  }
}

function isShort(fields: FieldList): boolean {
  const length = fieldValue(fields, 'content-length');
  return length !== undefined && Number(length) <= DISCARDED_RESPONSE_BYTES;
}

const TIMEOUTS: ReadonlySet<string> = new Set(['AMBIT_HBONE_NO_ANSWER', 'AMBIT_TLS_TIMEOUT', 'AMBIT_UPSTREAM_LATE']);

function timedOut(error: AmbitError): boolean {
  for (let link: unknown = error; link instanceof AmbitError; link = link.cause) {
    if (link instanceof SystemCallError && link.errno === ETIMEDOUT) return true;
    if (TIMEOUTS.has(link.code)) return true;
  }
  return false;
}
