import { AmbitError } from '@ambit/core/errors';
import { ErrorCode, errorCodeName } from '@ambit/http/h2/frames';
import type { Http2Stream } from '@ambit/http/h2/stream';
import type { ByteEndpointHandler, DuplexEndpoint } from '@ambit/reactor/endpoint';
import { LINGER_TIMEOUT_MS, READ_BUFFER_BYTES } from '@ambit/reactor/limits';
import { OutputBuffer } from '@ambit/reactor/output-buffer';
import type { Reactor } from '@ambit/reactor/reactor';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import type { HboneConnection, StreamOwner } from './connection.ts';
import { HeldBytes } from './held-bytes.ts';

/** `ending`: `end` was called and our last bytes are on their way; `lingering`: they left, the peer's end is awaited. */
type State = 'closed' | 'ending' | 'lingering' | 'open';

/**
 * An open tunnel as a byte connection of the loop, for codecs on top. What is written in a turn leaves as one run of DATA
 * frames in the same turn; what the peer sends while reading is paused waits in its window. END_STREAM is the end of a
 * direction, RST_STREAM a reset.
 */
export class TunnelEndpoint implements DuplexEndpoint, StreamOwner {
  readonly output: OutputBuffer;
  bytesReceived = 0;
  bytesSent = 0;
  readonly #connection: HboneConnection;
  readonly #stream: Http2Stream<StreamOwner>;
  readonly #reactor: Reactor;
  #handler: ByteEndpointHandler;
  #state: State = 'open';
  #opened = false;
  #reading = true;
  /** The window or the connection's output holds bytes back. */
  #congested = false;
  #outputEnd: 'open' | 'sent' | 'wanted' = 'open';
  #peerEnded = false;
  #toldEnd = false;
  #held: HeldBytes | undefined;
  #replaying = false;
  #linger: ReactorTimer | undefined;
  readonly #flushSoon: () => void;

  /** Takes over the stream. `onOpen` comes later in this turn or in the next. */
  constructor(connection: HboneConnection, stream: Http2Stream<StreamOwner>, handler: ByteEndpointHandler) {
    this.#connection = connection;
    this.#stream = stream;
    this.#reactor = connection.reactor;
    this.#handler = handler;
    this.#flushSoon = this.#guarded(() => {
      this.#flush();
    });
    // Deferred calls run before the connection's own flush, so that what is written leaves in one send of the same turn.
    this.output = new OutputBuffer(this.#reactor.buffers, () => {
      this.#reactor.defer(this.#flushSoon);
    });
    this.#reactor.defer(
      this.#guarded(() => {
        this.#open();
      }),
    );
  }

  get congested(): boolean {
    return this.#congested;
  }

  handTo(handler: ByteEndpointHandler): void {
    this.#handler = handler;
  }

  pauseReading(): void {
    this.#reading = false;
  }

  resumeReading(): void {
    if (this.#reading) return;
    this.#reading = true;
    if (this.#held !== undefined || this.#peerEnded) this.#replaySoon();
  }

  endOutput(): void {
    if (this.#outputEnd !== 'open' || this.#state !== 'open') return;
    this.#outputEnd = 'wanted';
    if (this.output.waiting === 0) this.#reactor.defer(this.#flushSoon);
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    if (this.#outputEnd === 'sent') this.#lingerOrClose();
    else {
      this.#outputEnd = 'wanted';
      if (this.output.waiting === 0) this.#reactor.defer(this.#flushSoon);
    }
  }

  destroy(error?: AmbitError): void {
    if (this.#state === 'closed') return;
    this.#connection.http.resetStream(this.#stream, ErrorCode.cancel);
    this.#close(error);
  }

  onResponse(): void {
    // Answered before the endpoint was made.
  }

  onData(bytes: Buffer, address: number, start: number, end: number, endStream: boolean): void {
    const size = end - start;
    if (endStream) this.#peerEnded = true;
    if (this.over) {
      this.#connection.delivered(this.#stream, size);
      if (endStream) this.#close(undefined);
      return;
    }
    if (this.#opened && this.#reading && this.#held === undefined) {
      if (size > 0) {
        this.bytesReceived += size;
        this.#connection.delivered(this.#stream, size);
        this.#handler.onBytes(bytes, address, start, end);
      }
    } else if (size > 0) {
      this.#held ??= new HeldBytes(this.#reactor.buffers);
      this.#held.add(bytes, start, end);
      this.#connection.held(size);
      if (this.#opened && this.#reading) this.#replaySoon();
    }
    if (endStream) this.#tellEnd();
  }

  onStreamReset(errorCode: number): void {
    if (this.#state === 'closed') return;
    if (errorCode === ErrorCode.noError && this.#peerEnded) {
      // An answer that needed no more of the question (RFC 9113 8.1): what came before it still counts.
      this.#outputEnd = 'sent';
      this.#dropOutput();
      this.#tellEnd();
      this.#closeIfDone();
      return;
    }
    this.#close(
      new AmbitError('AMBIT_HBONE_RESET', `the other end reset the tunnel (${errorCodeName(errorCode)})`, {
        source: 'peer',
      }),
    );
  }

  onWritable(): void {
    if (this.#congested) this.#flush();
  }

  onConnectionLost(error: AmbitError): void {
    this.#close(error);
  }

  #open(): void {
    if (this.#state === 'closed') return;
    this.#opened = true;
    this.#handler.onOpen();
    if (this.#held !== undefined) this.#replay();
    else this.#tellEnd();
  }

  #flush(): void {
    const { output } = this;
    if (this.over || this.#outputEnd === 'sent') {
      // Written too late.
      output.settle();
      return;
    }
    if (output.waiting > 0) {
      const sent = this.#connection.http.sendData(this.#stream, output.bytes, output.start, output.end, false);
      output.start += sent;
      this.bytesSent += sent;
      // What was sent may have ended the connection.
      if (this.#state === 'closed') return;
      this.#congested = output.waiting > 0;
      if (this.#congested) return;
    }
    output.settle();
    if (this.#outputEnd === 'wanted') {
      this.#outputEnd = 'sent';
      this.#connection.http.endStream(this.#stream);
      this.#lingerOrClose();
    } else if (output.refused) {
      output.refused = false;
      this.#handler.onRoom();
    }
  }

  /** The handler is told nothing any more. */
  get over(): boolean {
    return this.#state === 'closed' || this.#state === 'lingering';
  }

  #replaySoon(): void {
    if (this.#replaying) return;
    this.#replaying = true;
    this.#reactor.defer(
      this.#guarded(() => {
        this.#replaying = false;
        this.#replay();
      }),
    );
  }

  /** A handler that throws loses its tunnel also when it is called later than the bytes came. */
  #guarded(run: () => void): () => void {
    return () => {
      try {
        run();
      } catch (thrown) {
        this.#connection.failStream(this.#stream, thrown);
      }
    };
  }

  /** Hands over what waited, as if it came now. */
  #replay(): void {
    const held = this.#held;
    while (held !== undefined && held.size > 0) {
      if (!this.#reading) return;
      const { bytes, address, start } = held;
      const length = Math.min(held.length, READ_BUFFER_BYTES);
      this.bytesReceived += length;
      this.#handler.onBytes(bytes, address - start, start, start + length);
      // The call may have closed the endpoint, which drops what was held.
      if (this.over) return;
      held.consume(length);
      this.#connection.unheld(this.#stream, length);
    }
    this.#held = undefined;
    this.#tellEnd();
  }

  #tellEnd(): void {
    if (!this.#peerEnded || this.#toldEnd || !this.#opened || this.#held !== undefined) return;
    if (this.over || !this.#reading) return;
    this.#toldEnd = true;
    this.#handler.onEnd();
    this.#closeIfDone();
  }

  #lingerOrClose(): void {
    if (this.#state === 'open') {
      this.#closeIfDone();
      return;
    }
    if (this.over) return;
    if (this.#peerEnded) {
      this.#close(undefined);
      return;
    }
    // A reset right behind the last bytes would make the other end throw them away.
    this.#state = 'lingering';
    this.#release();
    this.#linger = this.#reactor.after(LINGER_TIMEOUT_MS, () => {
      this.destroy();
    });
    this.#handler.onClose(undefined);
  }

  #closeIfDone(): void {
    if (this.#outputEnd === 'sent' && this.#toldEnd) this.#close(undefined);
  }

  #close(error: AmbitError | undefined): void {
    if (this.#state === 'closed') return;
    const told = this.over;
    this.#state = 'closed';
    this.#linger?.cancel();
    this.#release();
    this.#dropOutput();
    this.#stream.owner = undefined;
    if (!told) this.#handler.onClose(error);
  }

  #dropOutput(): void {
    this.#congested = false;
    this.output.settle();
  }

  #release(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#connection.unheld(this.#stream, held.size);
    held.clear();
  }
}
