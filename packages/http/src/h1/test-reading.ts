import type { AmbitError } from '@ambit/core/errors';
import type { ExchangeReceiver, ServerConnectionHandler, ServerExchange } from '../exchange.ts';
import type { FieldList } from '../h2/message-fields.ts';
import { MemorySink } from '../h2/test-peer.ts';
import { Http1Error } from './errors.ts';
import { Http1ServerConnection } from './server-connection.ts';

/** One request as a reader saw it. */
export interface ReadRequest {
  readonly fields: FieldList;
  readonly content: string;
  readonly trailers: FieldList;
  readonly complete: boolean;
}

/** What a reader made of a stream of octets. */
export interface Reading {
  readonly requests: readonly ReadRequest[];
  /** Why it read no further; undefined when it only waits for more. */
  readonly refusal: string | undefined;
  readonly status: number;
}

class Reader implements ServerConnectionHandler {
  readonly sink: MemorySink = new MemorySink(1 << 13);
  readonly connection: Http1ServerConnection = new Http1ServerConnection(this.sink, this);
  readonly requests: ReadRequest[] = [];
  status = 0;
  error: AmbitError | undefined;

  onRequest(exchange: ServerExchange, fields: FieldList, endStream: boolean): void {
    const request = { fields, content: '', trailers: [] as FieldList, complete: endStream };
    this.requests.push(request);
    const answer = (): void => {
      request.complete = true;
      exchange.respond([':status', '204'], true);
    };
    const receiver: ExchangeReceiver = {
      onData: (bytes, start, end, last) => {
        request.content += bytes.toString('latin1', start, end);
        exchange.release(end - start);
        if (last) answer();
      },
      onTrailers: (trailers) => {
        request.trailers = trailers;
        answer();
      },
      onReset: () => undefined,
      onWritable: () => undefined,
    };
    exchange.receiver = receiver;
    // Whoever asks for another protocol gets a plain answer.
    if (endStream || exchange.upgrade !== undefined) answer();
  }

  onRefused(status: number): void {
    this.status = status;
  }

  onPauseReading(): void {
    throw new Error('everything is answered at once');
  }

  onResumeReading(): void {
    throw new Error('it was never paused');
  }

  onOutputEnd(): void {
    throw new Error('no protocol is switched to');
  }

  onPipelined(): void {
    throw new Error('everything is answered at once');
  }

  onEnd(error: AmbitError | undefined): void {
    this.error = error;
  }
}

/** Reads octets in pieces: `cut` says how long each is. */
export function readRequests(octets: Buffer, cut: (at: number) => number = () => octets.length): Reading {
  const reader = new Reader();
  for (let at = 0; at < octets.length; ) {
    const end = Math.min(octets.length, at + Math.max(1, cut(at)));
    // Behind what is given stands something else, as in a loop's read buffer.
    const buffer = Buffer.concat([Buffer.from('\r\n\r\n'), octets.subarray(at, end), Buffer.from('\r\n0\r\n\r\n')]);
    if (!reader.connection.receive(buffer, 4, 4 + end - at)) break;
    at = end;
  }
  const { error, requests, status } = reader;
  return { requests, status, refusal: error instanceof Http1Error ? error.reason : error?.message };
}
