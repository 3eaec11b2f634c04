import type { AmbitError } from '@ambit/core/errors';
import type {
  ClientConnection,
  ClientExchange,
  ExchangeReset,
  ResponseReceiver,
  ServerConnection,
  ServerExchange,
} from '@ambit/http/exchange';
import { Http1ClientConnection } from '@ambit/http/h1/client-connection';
import { Http1ServerConnection } from '@ambit/http/h1/server-connection';
import type { Http2Role } from '@ambit/http/h2/connection-options';
import { Http2ClientConnection } from '@ambit/http/h2/exchange-client';
import { Http2ServerConnection } from '@ambit/http/h2/exchange-server';
import { type FieldList, fieldValue } from '@ambit/http/h2/message-fields';
import type { ByteEndpoint, ByteEndpointHandler, DuplexEndpoint } from '@ambit/reactor/endpoint';
import type { EndpointBehaviour } from './test-endpoint.ts';
import type { TestWaypoint } from './test-waypoint.ts';

// Clients and servers of tests, on the exchanges of packages/http; raw ones where a test needs to say something wrong.

/** A byte connection that notes what comes. */
export class Raw implements ByteEndpointHandler {
  text = '';
  ended = false;
  closed: { error: AmbitError | undefined } | undefined;
  endpoint: DuplexEndpoint | undefined;
  onText: (() => void) | undefined;

  write(text: string): void {
    const output = this.endpoint?.output;
    if (output?.room(text.length) !== true) throw new Error('no room');
    output.end += output.bytes.write(text, output.end, 'latin1');
  }

  onOpen(): void {
    // Nothing to do.
  }

  onBytes(bytes: Buffer, _address: number, start: number, end: number): void {
    this.text += bytes.toString('latin1', start, end);
    this.onText?.();
  }

  onEnd(): void {
    this.ended = true;
  }

  onRoom(): void {
    // Tests write little.
  }

  onClose(error: AmbitError | undefined): void {
    this.closed = { error };
  }
}

/** A raw connection to the service. */
export function raw(waypoint: TestWaypoint, authority?: string, principal?: string): Raw {
  const connection = new Raw();
  connection.endpoint = waypoint.open(connection, authority, principal);
  return connection;
}

/** An answer as a client sees it. */
export class Answer implements ResponseReceiver {
  head: FieldList | undefined;
  body = '';
  /** Octets of the body, also of those that were not kept. */
  bytes = 0;
  trailers: FieldList | undefined;
  reset: ExchangeReset | undefined;
  complete = false;
  interim: FieldList[] = [];
  /** Gives content back at once, so that more may come. */
  reads = true;
  exchange: ClientExchange | undefined;
  #unread = 0;

  get status(): number {
    return Number(this.field(':status') ?? '0');
  }

  get settled(): boolean {
    return this.complete || this.reset !== undefined;
  }

  field(name: string): string | undefined {
    return this.head === undefined ? undefined : fieldValue(this.head, name);
  }

  readOn(): void {
    this.reads = true;
    this.exchange?.release(this.#unread);
    this.#unread = 0;
  }

  onInformational(fields: FieldList): void {
    this.interim.push(fields);
  }

  onResponse(fields: FieldList, endStream: boolean): void {
    this.head = fields;
    this.complete = endStream;
  }

  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.bytes += end - start;
    if (this.bytes < 100_000) this.body += bytes.toString('latin1', start, end);
    if (this.reads) this.exchange?.release(end - start);
    else this.#unread += end - start;
    this.complete = endStream;
  }

  onTrailers(fields: FieldList): void {
    this.trailers = fields;
    this.complete = true;
  }

  onReset(reset: ExchangeReset): void {
    this.reset = reset;
  }

  onWritable(): void {
    // Tests that write much look for room themselves.
  }
}

/** Joins an endpoint to a codec. */
function join(endpoint: DuplexEndpoint, http: ClientConnection | ServerConnection): void {
  endpoint.handTo({
    onOpen: () => undefined,
    onBytes: (bytes, _address, start, end) => {
      http.receive(bytes, start, end);
    },
    onEnd: () => {
      http.receiveEnd();
    },
    onRoom: () => {
      http.outputDrained();
    },
    onClose: (error) => {
      http.abort(error);
    },
  });
  http.start();
}

function finish(endpoint: ByteEndpoint | undefined, error: AmbitError | undefined, cut: boolean): void {
  if (cut) endpoint?.destroy(error, true);
  else endpoint?.end();
}

/** A client's HTTP connection to the service. */
export class Client {
  readonly http: ClientConnection;
  over = false;
  readonly #endpoint: DuplexEndpoint;

  /**
   * `principal`: as whom it comes, `authority`: what it dials; default as `TestWaypoint` says. `takes`: the header list that it
   * says it takes (HTTP/2), octets.
   */
  constructor(
    waypoint: TestWaypoint,
    version: 'HTTP/1.1' | 'HTTP/2',
    principal?: string,
    authority?: string,
    takes?: number,
  ) {
    const endpoint = waypoint.open(new Raw(), authority, principal);
    this.#endpoint = endpoint;
    const handler = {
      onAvailable: () => undefined,
      onRetired: () => undefined,
      onPauseReading: () => {
        endpoint.pauseReading();
      },
      onResumeReading: () => {
        endpoint.resumeReading();
      },
      onOutputEnd: () => {
        endpoint.endOutput();
      },
      onEnd: (error: AmbitError | undefined, cut: boolean) => {
        this.over = true;
        finish(endpoint, error, cut);
      },
    };
    this.http =
      version === 'HTTP/2'
        ? new Http2ClientConnection(endpoint.output, handler, waypoint.reactor, optionsOf('client', takes))
        : new Http1ClientConnection(endpoint.output, handler);
    join(endpoint, this.http);
  }

  /** Its connection is reset. */
  drop(): void {
    this.#endpoint.destroy(undefined, true);
  }

  /** Sends a head as it is. */
  sendFields(fields: readonly string[]): Answer {
    const answer = new Answer();
    answer.exchange = this.http.request(fields, true, answer);
    return answer;
  }

  /** Sends a request; with `body` undefined its head alone, and its end unless `open`. */
  send(fields: Readonly<Record<string, string>>, body?: string, open = false): Answer {
    const answer = new Answer();
    const exchange = this.http.request(requestFields(fields), body === undefined && !open, answer);
    if (exchange === undefined) throw new Error('the connection takes no request');
    answer.exchange = exchange;
    if (body !== undefined) {
      const bytes = Buffer.from(body, 'latin1');
      if (exchange.sendData(bytes, 0, bytes.length, !open) !== bytes.length) throw new Error('not taken at once');
    }
    return answer;
  }
}

function serverOptions({ takes, upgrades }: { readonly takes?: number; readonly upgrades?: boolean }) {
  return upgrades === false ? ({ role: 'server' } as const) : optionsOf('server', takes);
}

/** Undefined: those that a connection has by itself. */
function optionsOf<Role extends Http2Role>(role: Role, maxHeaderListSize: number | undefined) {
  return maxHeaderListSize === undefined ? undefined : { role, maxHeaderListSize };
}

export function requestFields(fields: Readonly<Record<string, string>>): string[] {
  const pseudo = { ':method': 'GET', ':scheme': 'http', ':authority': 'cart', ':path': '/' };
  return Object.entries({ ...pseudo, ...fields }).flat();
}

/** A request as an application sees it, and its exchange to answer by. */
export interface Seen {
  readonly endpoint: string;
  readonly fields: FieldList;
  readonly exchange: ServerExchange;
  body: string;
  bytes: number;
  complete: boolean;
  trailers: FieldList | undefined;
  reset: ExchangeReset | undefined;
}

/** An application that speaks HTTP and does with each request what `onRequest` says, when its head came, and `onComplete`. */
export function application(
  version: 'HTTP/1.1' | 'HTTP/2',
  hooks: {
    readonly onRequest?: (seen: Seen) => void;
    readonly onComplete?: (seen: Seen) => void;
    /** HTTP/2: sends heads and trailers of any size, whatever the client says that it takes. */
    readonly heedless?: boolean;
    /** HTTP/2: the header list that it says it takes, octets. */
    readonly takes?: number;
    /** HTTP/2: false when it does not offer to switch protocols. */
    readonly upgrades?: boolean;
  },
): EndpointBehaviour {
  return (tunnel, { name, server: _server }) => {
    let endpoint: DuplexEndpoint | undefined = undefined as DuplexEndpoint | undefined;
    const handler = {
      onRequest: (exchange: ServerExchange, fields: FieldList, endStream: boolean) => {
        const seen: Seen = {
          endpoint: name,
          fields,
          exchange,
          body: '',
          bytes: 0,
          complete: endStream,
          trailers: undefined,
          reset: undefined,
        };
        exchange.receiver = {
          onData: (bytes, start, end, last) => {
            seen.bytes += end - start;
            if (seen.bytes < 100_000) seen.body += bytes.toString('latin1', start, end);
            exchange.release(end - start);
            seen.complete = last;
            if (last) hooks.onComplete?.(seen);
          },
          onTrailers: (trailers) => {
            seen.trailers = trailers;
            seen.complete = true;
            hooks.onComplete?.(seen);
          },
          onReset: (reset) => {
            seen.reset = reset;
          },
          onWritable: () => undefined,
        };
        if (hooks.heedless === true && http instanceof Http2ServerConnection) {
          http.http.peer.maxHeaderListSize = Number.POSITIVE_INFINITY;
        }
        hooks.onRequest?.(seen);
        if (endStream) hooks.onComplete?.(seen);
      },
      onRefused: (status: number, reason: string) => {
        throw new Error(`the application refused what the waypoint sent: ${status} ${reason}`);
      },
      onPipelined: () => undefined,
      onPauseReading: () => endpoint?.pauseReading(),
      onResumeReading: () => endpoint?.resumeReading(),
      onOutputEnd: () => endpoint?.endOutput(),
      onEnd: (error: AmbitError | undefined, cut: boolean) => {
        finish(endpoint, error, cut);
      },
    };
    const opened = tunnel.open([], new Raw());
    endpoint = opened;
    const http =
      version === 'HTTP/2'
        ? new Http2ServerConnection(opened.output, handler, { now: Date.now() }, serverOptions(hooks))
        : new Http1ServerConnection(opened.output, handler);
    join(opened, http);
  };
}

/** Answers every request when it is complete. */
export function answering(
  version: 'HTTP/1.1' | 'HTTP/2',
  status: number,
  body: string | ((seen: Seen) => string),
  fields: readonly string[] = [],
): EndpointBehaviour {
  return application(version, {
    onComplete: (seen) => {
      respond(seen, status, typeof body === 'string' ? body : body(seen), fields);
    },
  });
}

export function respond({ exchange }: Seen, status: number, body: string, fields: readonly string[] = []): void {
  const bytes = Buffer.from(body, 'latin1');
  exchange.respond([':status', String(status), 'content-length', String(bytes.length), ...fields], bytes.length === 0);
  let at = 0;
  const send = (): void => {
    if (at < bytes.length) at += exchange.sendData(bytes, at, bytes.length, true);
  };
  if (exchange.receiver !== undefined) exchange.receiver.onWritable = send;
  send();
}
