import type { X509Certificate } from 'node:crypto';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { type Memory, allocate } from '@ambit/native/memory';
import { TlsError } from '@ambit/native/tls-failure';
import {
  type BioPair,
  TLS_DONE,
  TLS_END,
  TLS_FAILED,
  TLS_WANTS_READ,
  TLS_WANTS_WRITE,
  handshake,
  lastFailure,
  pairPut,
  pairTake,
  read,
  sayGoodbye,
  selectedProtocol,
  write,
} from '@ambit/native/tls-session';
import { presentedCertificate } from '@ambit/native/upstream-tls-context';
import type { ByteEndpointHandler, DuplexEndpoint } from './endpoint.ts';
import {
  type LayeredSession,
  type LayeredSessionOptions,
  closeLayeredSession,
  openLayeredSession,
} from './layered-session.ts';
import { OutputBuffer } from './output-buffer.ts';
import type { Reactor } from './reactor.ts';
import type { ReactorTimer } from './timer-wheel.ts';

/** Without `protocols` none is offered, and none asked for. */
export interface LayeredTlsOptions extends LayeredSessionOptions {
  /** Why the server is not the one that was meant, by its certificate; undefined when it is. */
  readonly judge: (certificate: X509Certificate | undefined) => string | undefined;
  /** Milliseconds from now to the end of the handshake. */
  readonly timeoutMs: number;
}

/** Told of the handshake: one of them is called, once, later. */
export interface LayeredTlsOutcome {
  /** The endpoint is open; it is handed over (`handTo`) from within. */
  onSecured(endpoint: LayeredTlsEndpoint): void;
  /** The connection below is closed. */
  onFailed(error: AmbitError): void;
}

const RECORD_BYTES = 16_384;
/** What a record adds to its content, of whatever version: header, explicit nonce, type, padding and tag. */
const RECORD_OVERHEAD_BYTES = 256;

/** Where a loop's layered connections are decrypted: what comes from below may lie in the loop's own read buffer. */
const clearText = new WeakMap<Reactor, Memory>();

/**
 * A client's TLS on top of an open byte connection, plain or a tunnel, whose bytes pass through a pipe inside OpenSSL. To whoever
 * frames on top it is an endpoint like the others. An end of the connection below without close_notify is an error.
 */
export class LayeredTlsEndpoint implements DuplexEndpoint, ByteEndpointHandler {
  readonly output: OutputBuffer;
  bytesReceived = 0;
  bytesSent = 0;
  /** Chosen by the server out of what was offered; '' when it chose none. */
  protocol = '';
  readonly #reactor: Reactor;
  readonly #below: DuplexEndpoint;
  readonly #options: LayeredTlsOptions;
  readonly #session: LayeredSession;
  readonly #ssl: number;
  readonly #pair: BioPair;
  readonly #clear: Memory;
  readonly #timer: ReactorTimer;
  #outcome: LayeredTlsOutcome | undefined;
  #handler: ByteEndpointHandler | undefined;
  /** `opening`: the handshake. `ending`: `end` was called, what was written is on its way. */
  #state: 'closed' | 'ending' | 'open' | 'opening' = 'opening';
  #outputEnd: 'open' | 'said' | 'wanted' = 'open';
  #reading = true;
  #congested = false;
  #peerEnded = false;
  #pulling = false;
  /** Came from below while nobody read and the pipe was full. */
  #held: Memory | undefined;
  #pullQueued = false;
  readonly #flushSoon: () => void;

  /** Takes over `below`, which is open. Throws `AMBIT_TLS_SESSION`, `AMBIT_LEDGER`; it is the caller's then. */
  constructor(reactor: Reactor, below: DuplexEndpoint, options: LayeredTlsOptions, outcome: LayeredTlsOutcome) {
    this.#reactor = reactor;
    this.#below = below;
    this.#options = options;
    this.#outcome = outcome;
    this.#session = openLayeredSession(reactor.ledger, options);
    this.#ssl = this.#session.ssl;
    this.#pair = this.#session.pair;
    let clear = clearText.get(reactor);
    if (clear === undefined) {
      clear = allocate(RECORD_BYTES);
      clearText.set(reactor, clear);
    }
    this.#clear = clear;
    this.#flushSoon = (): void => {
      this.#guard(() => this.#flush());
    };
    this.output = new OutputBuffer(reactor.buffers, () => reactor.defer(this.#flushSoon));
    const { timeoutMs } = options;
    this.#timer = reactor.after(timeoutMs, () =>
      this.#fail(new TlsError('timeout', 'us', `${Math.round(timeoutMs)} ms`)),
    );
    below.handTo(this);
    reactor.defer(() => this.#guard(() => this.#shakeHands()));
  }

  get congested(): boolean {
    return this.#congested;
  }

  handTo(handler: ByteEndpointHandler): void {
    this.#handler = handler;
  }

  pauseReading(): void {
    this.#reading = false;
    this.#below.pauseReading();
  }

  resumeReading(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#pullSoon();
  }

  endOutput(): void {
    if (this.#outputEnd !== 'open' || this.#state !== 'open') return;
    this.#outputEnd = 'wanted';
    if (this.output.waiting === 0) this.#reactor.defer(this.#flushSoon);
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    if (this.#outputEnd === 'said') this.#below.end();
    else {
      this.#outputEnd = 'wanted';
      if (this.output.waiting === 0) this.#reactor.defer(this.#flushSoon);
    }
  }

  destroy(error?: AmbitError, reset = false): void {
    if (this.#state !== 'closed') this.#below.destroy(error, reset);
  }

  // From the connection below.

  onOpen(): void {
    // It was open before.
  }

  onBytes(bytes: Buffer, address: number, start: number, end: number): void {
    let at = start;
    while (at < end && this.#state !== 'closed') {
      // Room in the pipe comes with reading alone.
      const count = this.#held === undefined ? pairPut(this.#pair, address + at, end - at) : 0;
      if (count === 0) {
        this.#hold(bytes, at, end);
        return;
      }
      at += count;
      this.#proceed();
    }
  }

  onEnd(): void {
    if (this.#state === 'opening') this.#fail(new TlsError('truncated', 'us', 'closed during the handshake'));
    else if (!this.#peerEnded && this.#reading)
      this.destroy(new TlsError('truncated', 'us', 'end without close_notify'));
    else if (!this.#peerEnded) this.#endedBelow = true;
  }

  onRoom(): void {
    this.#passDown();
    this.#flush();
  }

  onClose(error: AmbitError | undefined): void {
    if (this.#state === 'closed') return;
    const outcome = this.#state === 'opening' ? this.#outcome : undefined;
    this.#release();
    if (outcome !== undefined)
      outcome.onFailed(error ?? new TlsError('truncated', 'us', 'closed during the handshake'));
    else this.#handler?.onClose(error);
  }

  /** It ended while nobody read: what was said before it still lies here. */
  #endedBelow = false;

  #proceed(): void {
    if (this.#state === 'opening') this.#shakeHands();
    else this.#pull();
  }

  #shakeHands(): void {
    if (this.#state !== 'opening') return;
    const step = handshake(this.#ssl);
    this.#passDown();
    if (step === TLS_WANTS_READ || step === TLS_WANTS_WRITE) return;
    if (step !== TLS_DONE) {
      this.#fail(
        step === TLS_FAILED ? lastFailure(this.#ssl) : new TlsError('truncated', 'peer', 'ended in the handshake'),
      );
      return;
    }
    const refusal = this.#judge();
    if (refusal !== undefined) {
      sayGoodbye(this.#ssl);
      this.#passDown();
      this.#fail(refusal);
      return;
    }
    this.#timer.cancel();
    this.#state = 'open';
    const outcome = this.#outcome;
    this.#outcome = undefined;
    outcome?.onSecured(this);
    // What came behind the handshake lies in OpenSSL already.
    this.#pull();
  }

  #judge(): TlsError | undefined {
    const { protocols, judge } = this.#options;
    const chosen = selectedProtocol(this.#ssl, protocols);
    if (chosen === undefined) return new TlsError('no-alpn', 'us', `the peer chose none of ${protocols.join(', ')}`);
    this.protocol = chosen;
    try {
      const objection = judge(presentedCertificate(this.#ssl));
      return objection === undefined ? undefined : new TlsError('wrong-name', 'us', objection);
    } catch (thrown) {
      return new TlsError('certificate-invalid', 'us', messageOf(thrown));
    }
  }

  /** Hands over what can be decrypted, as long as it is wanted. */
  #pull(): void {
    if (this.#pulling) return;
    this.#pulling = true;
    try {
      while (this.#reading && (this.#state === 'open' || this.#state === 'ending')) {
        const { bytes, address } = this.#clear;
        const count = read(this.#ssl, address, RECORD_BYTES);
        if (count > 0) {
          this.bytesReceived += count;
          this.#handler?.onBytes(bytes, address, 0, count);
          continue;
        }
        // The reason has to be fetched before anything else calls OpenSSL.
        const failure = count === TLS_FAILED ? lastFailure(this.#ssl) : undefined;
        // An answer to a KeyUpdate, or an alert.
        this.#passDown();
        if (failure !== undefined) this.destroy(failure);
        else if (count === TLS_END) this.#tellEnd();
        else if (!this.#refill()) return;
        if (failure !== undefined || count === TLS_END) return;
      }
    } finally {
      this.#pulling = false;
    }
  }

  /** Puts what was held back into the pipe; false when that is nothing. */
  #refill(): boolean {
    const held = this.#held;
    if (held === undefined) {
      if (this.#endedBelow) this.destroy(new TlsError('truncated', 'us', 'end without close_notify'));
      else this.#below.resumeReading();
      return false;
    }
    const count = pairPut(this.#pair, held.address, held.bytes.length);
    this.#held = undefined;
    if (count < held.bytes.length) this.#hold(held.bytes, count, held.bytes.length);
    return count > 0;
  }

  #hold(bytes: Buffer, start: number, end: number): void {
    const before = this.#held?.bytes ?? NOTHING;
    const memory = allocate(before.length + end - start);
    before.copy(memory.bytes);
    bytes.copy(memory.bytes, before.length, start, end);
    this.#held = memory;
  }

  #pullSoon(): void {
    if (this.#pullQueued) return;
    this.#pullQueued = true;
    this.#reactor.defer(() => {
      this.#pullQueued = false;
      this.#guard(() => this.#pull());
    });
  }

  #tellEnd(): void {
    if (this.#peerEnded) return;
    this.#peerEnded = true;
    this.#below.resumeReading();
    this.#handler?.onEnd();
    if (this.#outputEnd === 'said') this.#below.end();
  }

  #flush(): void {
    const { output } = this;
    if (this.#state === 'closed' || this.#outputEnd === 'said') {
      // Written too late.
      output.settle();
      return;
    }
    if (this.#state === 'opening') return;
    while (output.waiting > 0) {
      // One record at a time, and only what the connection below takes whole.
      if (!this.#below.output.room(RECORD_BYTES + RECORD_OVERHEAD_BYTES)) {
        this.#congested = true;
        return;
      }
      const count = write(this.#ssl, output.address + output.start, Math.min(output.waiting, RECORD_BYTES));
      if (count <= 0) {
        this.destroy(
          count === TLS_FAILED ? lastFailure(this.#ssl) : new TlsError('protocol', 'us', 'nothing can be written'),
        );
        return;
      }
      output.start += count;
      this.bytesSent += count;
      this.#passDown();
      if (this.#isClosed()) return;
    }
    this.#congested = false;
    output.settle();
    if (this.#outputEnd === 'wanted') {
      this.#outputEnd = 'said';
      sayGoodbye(this.#ssl);
      this.#passDown();
      if (this.#state === 'ending' || this.#peerEnded) this.#below.end();
      else this.#below.endOutput();
    } else if (output.refused) {
      output.refused = false;
      this.#handler?.onRoom();
    }
  }

  /** Records from the pipe to the connection below. What does not fit there waits in the pipe for `onRoom`. */
  #passDown(): void {
    const { output } = this.#below;
    while (this.#state !== 'closed' && output.room(RECORD_OVERHEAD_BYTES)) {
      const room = Math.max(RECORD_OVERHEAD_BYTES, Math.min(output.free, output.bytes.length - output.end));
      const count = pairTake(this.#pair, output.address + output.end, room);
      if (count === 0) return;
      output.end += count;
    }
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #fail(error: AmbitError): void {
    const outcome = this.#outcome;
    this.#outcome = undefined;
    if (this.#state === 'closed') return;
    this.#release();
    // An alert that was written leaves first.
    if (this.#below.congested) this.#below.destroy(error, true);
    else this.#below.end();
    outcome?.onFailed(error);
  }

  #release(): void {
    this.#state = 'closed';
    this.#timer.cancel();
    this.output.settle();
    this.#held = undefined;
    closeLayeredSession(this.#reactor.ledger, this.#session);
  }

  /** A handler that throws loses its connection, and no other. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      this.#reactor.report(thrown);
      const error = thrown instanceof AmbitError ? thrown : new AmbitError('AMBIT_INTERNAL', messageOf(thrown));
      this.destroy(error, true);
    }
  }
}

const NOTHING = Buffer.alloc(0);
