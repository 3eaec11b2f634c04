import type { AmbitError } from '@ambit/core/errors';
import type { ByteEndpointHandler, DuplexEndpoint } from './endpoint.ts';
import { READ_BUFFER_BYTES } from './limits.ts';
import type { RelayEnd } from './relay.ts';

/**
 * Copies bytes between two open endpoints, both ways, until both have closed. What one side does the other gets to see: an
 * end becomes an end (half-close), a reset becomes a reset, and a side that does not read stops the other from being read.
 */
export class EndpointRelay {
  readonly #a: Leg;
  readonly #b: Leg;
  readonly #onEnd: RelayEnd;
  #error: AmbitError | undefined;
  #closed = 0;

  /** Takes both over. `onEnd` is called once, when both have closed. */
  constructor(a: DuplexEndpoint, b: DuplexEndpoint, onEnd: RelayEnd) {
    this.#onEnd = onEnd;
    this.#a = new Leg(this, a, b);
    this.#b = new Leg(this, b, a);
    a.handTo(this.#a);
    b.handTo(this.#b);
  }

  get bytesAToB(): number {
    return this.#a.bytes;
  }

  get bytesBToA(): number {
    return this.#b.bytes;
  }

  /** Passes on what was read of `a` before the relay began; at most `READ_BUFFER_BYTES`. */
  deliverFromA(bytes: Buffer, start: number, end: number): void {
    this.#a.onBytes(bytes, 0, start, end);
  }

  /** As `deliverFromA`, of `b`. */
  deliverFromB(bytes: Buffer, start: number, end: number): void {
    this.#b.onBytes(bytes, 0, start, end);
  }

  /** Cuts both connections; both peers see a reset. Idempotent. */
  cut(error: AmbitError | undefined): void {
    this.#error ??= error;
    this.#a.endpoint.destroy(error, true);
    this.#b.endpoint.destroy(error, true);
  }

  /** For the legs. */
  other(leg: Leg): Leg {
    return leg === this.#a ? this.#b : this.#a;
  }

  /** For the legs. */
  closed(error: AmbitError | undefined): void {
    this.#closed += 1;
    if (this.#closed === 2) this.#onEnd(this.#a.bytes, this.#b.bytes, this.#error ?? error);
    else if (error !== undefined) this.cut(error);
  }
}

/** One end of a relay and the direction that starts there. */
class Leg implements ByteEndpointHandler {
  readonly endpoint: DuplexEndpoint;
  /** Passed on. */
  bytes = 0;
  #toClosed = false;
  readonly #relay: EndpointRelay;
  readonly #to: DuplexEndpoint;

  constructor(relay: EndpointRelay, endpoint: DuplexEndpoint, to: DuplexEndpoint) {
    this.endpoint = endpoint;
    this.#relay = relay;
    this.#to = to;
  }

  onOpen(): void {
    // Both are open.
  }

  onBytes(bytes: Buffer, _address: number, start: number, end: number): void {
    if (this.#toClosed) return;
    const { output } = this.#to;
    const size = end - start;
    // Never refused: reading pauses while the output could not take a whole read.
    if (!output.room(size)) throw new Error('an endpoint delivered more than it may');
    bytes.copy(output.bytes, output.end, start, end);
    output.end += size;
    this.bytes += size;
    if (output.free >= READ_BUFFER_BYTES) return;
    output.refused = true;
    this.endpoint.pauseReading();
  }

  onEnd(): void {
    this.#to.endOutput();
  }

  /** Nobody listens any more to what this side still says: it is read and dropped until it ends. */
  toClosed(): void {
    this.#toClosed = true;
    this.endpoint.resumeReading();
  }

  /** There is room here again: the other side's bytes may come. */
  onRoom(): void {
    this.#to.resumeReading();
  }

  onClose(error: AmbitError | undefined): void {
    // In order: what it said before has to arrive, and its end.
    this.#to.endOutput();
    this.#relay.closed(error);
    this.#relay.other(this).toClosed();
  }
}
