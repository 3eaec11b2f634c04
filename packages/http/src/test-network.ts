import type { AmbitError } from '@ambit/core/errors';
import type {
  ClientConnection,
  ClientConnectionHandler,
  ClientExchange,
  ExchangeReceiver,
  ExchangeReset,
  HttpConnection,
  HttpExchange,
  ResponseReceiver,
  ServerConnection,
  ServerConnectionHandler,
  ServerExchange,
} from './exchange.ts';
import { Http1ClientConnection } from './h1/client-connection.ts';
import { Http1ServerConnection } from './h1/server-connection.ts';
import type { Http2Role } from './h2/connection-options.ts';
import { Http2ClientConnection } from './h2/exchange-client.ts';
import { Http2ServerConnection } from './h2/exchange-server.ts';
import type { FieldList } from './h2/message-fields.ts';
import { MemorySink } from './h2/test-peer.ts';

export type Version = 'h1' | 'h2';

/** One end of a connection in memory. */
class End {
  readonly sink: MemorySink;
  connection: HttpConnection | undefined;
  other: End | undefined;
  paused = false;
  closed = false;
  /** Octets the other end has sent that are not read yet. */
  arrived: Buffer = Buffer.alloc(0);
  ended: { error: AmbitError | undefined; cut: boolean } | undefined;

  constructor(sinkSize: number) {
    this.sink = new MemorySink(sinkSize);
  }

  onPauseReading(): void {
    this.paused = true;
  }

  onResumeReading(): void {
    this.paused = false;
  }

  onOutputEnd(): void {
    throw new Error('nobody switches protocols here');
  }

  onEnd(error: AmbitError | undefined, cut: boolean): void {
    if (this.ended !== undefined) throw new Error('ended twice');
    this.ended = { error, cut };
  }
}

/** Links of connections in memory, and the octets on them. */
export class Network {
  readonly #links: (readonly [End, End])[] = [];
  readonly #deferred: (() => void)[] = [];
  /** Octets handed over at once. */
  piece: number = 1 << 20;
  /** Largest number of octets that wait on a link: beyond it the sender's sink is not emptied. */
  capacity: number = 1 << 20;
  sinkSize: number = 1 << 16;

  defer(run: () => void): void {
    this.#deferred.push(run);
  }

  /** Connects a client and a server of this version. `takes`: the header lists that they say they take (HTTP/2), octets. */
  link(
    version: Version,
    client: Partial<ClientConnectionHandler>,
    server: Pick<ServerConnectionHandler, 'onRequest'> & Partial<ServerConnectionHandler>,
    takes: { readonly client?: number; readonly server?: number } = {},
  ): { client: ClientConnection; server: ServerConnection; ends: readonly [End, End] } {
    const near = new End(this.sinkSize);
    const far = new End(this.sinkSize);
    near.other = far;
    far.other = near;
    const clientHandler: ClientConnectionHandler = {
      onAvailable: () => client.onAvailable?.(),
      onRetired: () => client.onRetired?.(),
      ...handlerOf(near, client),
    };
    const serverHandler: ServerConnectionHandler = {
      onRequest: (exchange, fields, endStream) => {
        server.onRequest(exchange, fields, endStream);
      },
      onRefused: (status, reason) => server.onRefused?.(status, reason),
      onPipelined: () => {
        this.defer(() => {
          accepted.proceed();
        });
      },
      ...handlerOf(far, server),
    };
    const clock = { now: 0 };
    const opened =
      version === 'h1'
        ? new Http1ClientConnection(near.sink, clientHandler)
        : new Http2ClientConnection(near.sink, clientHandler, clock, optionsOf('client', takes.client));
    const accepted: ServerConnection =
      version === 'h1'
        ? new Http1ServerConnection(far.sink, serverHandler)
        : new Http2ServerConnection(far.sink, serverHandler, clock, optionsOf('server', takes.server));
    near.connection = opened;
    far.connection = accepted;
    opened.start();
    accepted.start();
    this.#links.push([near, far]);
    return { client: opened, server: accepted, ends: [near, far] };
  }

  /** Moves octets until nothing moves any more. */
  run(): void {
    for (let busy = true; busy; ) {
      busy = false;
      for (const run of this.#deferred.splice(0)) {
        busy = true;
        run();
      }
      for (const link of this.#links) {
        for (const end of link) if (this.#step(end)) busy = true;
      }
    }
  }

  #step(end: End): boolean {
    const { other, connection } = end;
    if (other === undefined || connection === undefined) return false;
    let moved = false;
    if (end.sink.end > 0 && other.arrived.length < this.capacity) {
      other.arrived = Buffer.concat([other.arrived, end.sink.take()]);
      connection.outputDrained();
      moved = true;
    }
    if (end.arrived.length > 0 && !end.paused) {
      const bytes = end.arrived.subarray(0, this.piece);
      end.arrived = end.arrived.subarray(bytes.length);
      if (end.ended === undefined && !end.closed) connection.receive(bytes, 0, bytes.length);
      return true;
    }
    if (end.ended !== undefined && end.sink.end === 0 && !end.closed) {
      // The other end sees it when it has read what came before.
      end.closed = true;
      moved = true;
    }
    if (other.closed && end.arrived.length === 0 && other.sink.end === 0 && !end.closed) {
      end.closed = true;
      if (other.ended?.cut === true) connection.abort(undefined);
      else connection.receiveEnd();
      moved = true;
    }
    return moved;
  }
}

/** Undefined: those that a connection has by itself. */
function optionsOf<Role extends Http2Role>(role: Role, maxHeaderListSize: number | undefined) {
  return maxHeaderListSize === undefined ? undefined : { role, maxHeaderListSize };
}

function handlerOf(
  end: End,
  owner: Partial<ServerConnectionHandler>,
): Pick<ServerConnectionHandler, 'onPauseReading' | 'onResumeReading' | 'onOutputEnd' | 'onEnd'> {
  return {
    onPauseReading: () => {
      end.onPauseReading();
    },
    onResumeReading: () => {
      end.onResumeReading();
    },
    onOutputEnd: () => {
      end.onOutputEnd();
    },
    onEnd: (error, cut) => {
      end.onEnd(error, cut);
      owner.onEnd?.(error, cut);
    },
  };
}

/** Notes what one exchange receives. Releases at once, unless `holds`. */
export class Recorder implements ResponseReceiver {
  readonly events: string[] = [];
  fields: FieldList = [];
  content = '';
  size = 0;
  trailers: FieldList = [];
  reset: ExchangeReset | undefined;
  complete = false;
  holds = false;
  held = 0;
  exchange: HttpExchange | undefined;
  /** Called when the peer's side is complete. */
  done: () => void = () => undefined;
  /** Called by `onWritable`. */
  writable: () => void = () => undefined;

  onInformational(fields: FieldList): void {
    this.events.push(`interim ${fields[1] ?? ''}`);
  }

  onResponse(fields: FieldList, endStream: boolean): void {
    this.fields = fields;
    this.events.push(`response ${fields[1] ?? ''}`);
    if (endStream) this.#end();
  }

  onData(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.size += end - start;
    if (this.size < 100_000) this.content += bytes.toString('latin1', start, end);
    if (this.holds) this.held += end - start;
    else this.exchange?.release(end - start);
    if (endStream) this.#end();
  }

  onTrailers(fields: FieldList): void {
    this.trailers = fields;
    this.#end();
  }

  onReset(reset: ExchangeReset): void {
    this.reset = reset;
    this.events.push(`reset ${reset.cause}`);
  }

  onWritable(): void {
    this.writable();
  }

  /** Gives back everything held, and from now on at once. */
  letGo(): void {
    this.holds = false;
    const { held } = this;
    this.held = 0;
    this.exchange?.release(held);
  }

  #end(): void {
    this.complete = true;
    this.events.push('end');
    this.done();
  }
}

/** Sends all of `content`, waiting for room as often as needed. */
export function sendAll(exchange: HttpExchange, receiver: Recorder, content: Buffer, finish: () => void): void {
  let at = 0;
  const go = (): void => {
    at += exchange.sendData(content, at, content.length, false);
    if (at < content.length) return;
    receiver.writable = () => undefined;
    finish();
  };
  receiver.writable = go;
  go();
}

/** Forwards one direction of an exchange: at once what finds room, the rest when there is more. */
class Forwarder {
  #held: Buffer[] = [];
  #ended = false;
  #trailers: FieldList | undefined;
  readonly #from: () => HttpExchange | undefined;
  readonly #to: () => HttpExchange | undefined;

  constructor(from: () => HttpExchange | undefined, to: () => HttpExchange | undefined) {
    this.#from = from;
    this.#to = to;
  }

  data(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const taken = this.#held.length > 0 ? 0 : (this.#to()?.sendData(bytes, start, end, endStream) ?? 0);
    this.#from()?.release(taken);
    if (taken < end - start) {
      this.#held.push(Buffer.from(bytes.subarray(start + taken, end)));
      this.#ended = endStream;
    } else if (endStream && start === end && this.#held.length > 0) {
      this.#ended = true;
    }
  }

  trailers(fields: FieldList): void {
    this.#trailers = fields;
    this.writable();
  }

  writable(): void {
    for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
      const last = this.#ended && this.#held.length === 1;
      const taken = this.#to()?.sendData(first, 0, first.length, last) ?? 0;
      this.#from()?.release(taken);
      if (taken < first.length) {
        this.#held[0] = first.subarray(taken);
        return;
      }
      this.#held.shift();
    }
    if (this.#trailers !== undefined) this.#to()?.sendTrailers(this.#trailers);
    this.#trailers = undefined;
  }
}

/** Hands requests from one connection to another, without knowing the version of either. */
export function proxyRequest(
  down: ServerExchange,
  fields: FieldList,
  endStream: boolean,
  send: (fields: FieldList, endStream: boolean, receiver: ResponseReceiver) => ClientExchange | undefined,
): void {
  const upstream: { exchange?: ClientExchange | undefined } = {};
  const there = new Forwarder(
    () => down,
    () => upstream.exchange,
  );
  const back = new Forwarder(
    () => upstream.exchange,
    () => down,
  );
  const receiver: ExchangeReceiver = {
    onData: (bytes, start, end, last) => {
      there.data(bytes, start, end, last);
    },
    onTrailers: (trailers) => {
      there.trailers(trailers);
    },
    onReset: (reset) => upstream.exchange?.reset(reset.errorCode),
    onWritable: () => {
      back.writable();
    },
  };
  down.receiver = receiver;
  upstream.exchange = send(fields, endStream, {
    onInformational: (interim) => {
      down.inform(interim);
    },
    onResponse: (response, last) => {
      down.respond(response, last);
    },
    onData: (bytes, start, end, last) => {
      back.data(bytes, start, end, last);
    },
    onTrailers: (trailers) => {
      back.trailers(trailers);
    },
    onReset: (reset) => {
      if (down.closed) return;
      down.reset(reset.errorCode);
    },
    onWritable: () => {
      there.writable();
    },
  });
}
