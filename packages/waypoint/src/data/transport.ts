import type { AmbitError } from '@ambit/core/errors';
import type { HttpConnection } from '@ambit/http/exchange';
import type { ByteEndpoint, ByteEndpointHandler } from '@ambit/reactor/endpoint';

/** Joins a byte connection and the HTTP codec that speaks on it. Whoever made both is told when the connection is gone. */
export class HttpTransport implements ByteEndpointHandler {
  readonly endpoint: ByteEndpoint;
  /** Octets that came. */
  received = 0;
  readonly #http: HttpConnection;
  readonly #onGone: (error: AmbitError | undefined) => void;

  /** The endpoint is open already. `onGone` is called once, last; the codec's exchanges have heard of it by then. */
  constructor(endpoint: ByteEndpoint, http: HttpConnection, onGone: (error: AmbitError | undefined) => void) {
    this.endpoint = endpoint;
    this.#http = http;
    this.#onGone = onGone;
  }

  /** For the codec's handler: its connection is over. */
  finish(error: AmbitError | undefined, cut: boolean): void {
    if (cut) this.endpoint.destroy(error, true);
    else this.endpoint.end();
  }

  onOpen(): void {
    // Open before it was joined.
  }

  onBytes(bytes: Buffer, _address: number, start: number, end: number): void {
    this.received += end - start;
    this.#http.receive(bytes, start, end);
  }

  onEnd(): void {
    this.#http.receiveEnd();
  }

  onRoom(): void {
    this.#http.outputDrained();
  }

  onClose(error: AmbitError | undefined): void {
    this.#http.abort(error);
    this.#onGone(error);
  }
}
