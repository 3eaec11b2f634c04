import type { AmbitError } from '@ambit/core/errors';
import type { OutputBuffer } from './output-buffer.ts';

/** What the owner of a byte endpoint is told. Every call comes from the loop's turn; none comes after `onClose`. */
export interface ByteEndpointHandler {
  /** The connection is ready for bytes: the handshake is done and the peer verified (TLS), or at once (plain TCP). */
  onOpen(): void;
  /**
   * Bytes of the peer at `bytes[start..end)`, which lie at `address + start` for native calls. They are the loop's read
   * buffer: valid during this call only, and at most `READ_BUFFER_BYTES`. Nothing more is read while reading is paused.
   */
  onBytes(bytes: Buffer, address: number, start: number, end: number): void;
  /** The peer has finished sending in good order; sending is still possible. */
  onEnd(): void;
  /** After `output.room` was refused: there is room for `OUTPUT_LOW_WATER` bytes less than all again. */
  onRoom(): void;
  /** Called exactly once, last. `error` is undefined after an orderly close by either side. */
  onClose(error: AmbitError | undefined): void;
}

/** A byte connection on the loop: TLS (`TlsEndpoint`), plain TCP (`TcpEndpoint`) or a tunnel, alike for whoever frames on top. */
export interface ByteEndpoint {
  /** What is written here is sent at the end of the turn, all at once. */
  readonly output: OutputBuffer;
  /** True while the kernel refuses more: bytes wait in the connection. */
  readonly congested: boolean;
  /** Bytes received and sent on the descriptor's payload side since the start. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Stops and resumes `onBytes`; the kernel's window then holds the peer back. */
  pauseReading(): void;
  resumeReading(): void;
  /** Sends what was written, then says goodbye (close_notify, FIN), waits briefly for the peer's end, closes. Idempotent. */
  end(): void;
  /** Closes now and drops what was written; with `reset` the peer sees RST. Idempotent. */
  destroy(error?: AmbitError, reset?: boolean): void;
}

/** A byte endpoint whose directions end one by one and that may change hands: what detection of protocols and relays need. */
export interface DuplexEndpoint extends ByteEndpoint {
  /** From now on `handler` is told of everything; an endpoint that is open already calls no `onOpen` again. */
  handTo(handler: ByteEndpointHandler): void;
  /** Ends our direction behind what was written; reading goes on. When both directions are over the endpoint closes. Idempotent. */
  endOutput(): void;
}
