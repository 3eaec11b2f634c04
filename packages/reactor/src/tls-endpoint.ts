import type { AmbitError } from '@ambit/core/errors';
import { EPOLLIN, EPOLLOUT } from '@ambit/native/epoll';
import { EAGAIN, ECONNRESET, EPIPE, errnoName } from '@ambit/native/errno';
import { HANDLE_SESSION } from '@ambit/native/openssl-handle';
import { type PeerCertificate, peerCertificate } from '@ambit/native/peer-certificate';
import { recv, send, sendLast, socketError } from '@ambit/native/socket';
import type { TlsContext } from '@ambit/native/tls-context';
import { TlsError } from '@ambit/native/tls-failure';
import {
  TLS_DONE,
  TLS_END,
  TLS_WANTS_READ,
  TLS_WANTS_WRITE,
  alpn,
  attach,
  attachBoth,
  detach,
  freeSession,
  handshake,
  hasPending,
  lastFailure,
  newSession,
  pairAddress,
  pairBytes,
  pairConsume,
  pairFill,
  pairRoom,
  pairWaiting,
  read,
  readFromSocket,
  sayGoodbye,
  write,
} from '@ambit/native/tls-session';
import type { ByteEndpointHandler } from './endpoint.ts';
import { HANDSHAKE_TIMEOUT_MS, READ_BUFFER_BYTES, READ_BYTES_PER_TURN, TLS_GATHER_BYTES } from './limits.ts';
import { type LentPair, type PairHolder, PairPool } from './pair-pool.ts';
import type { Reactor } from './reactor.ts';
import { StreamEndpoint } from './stream-endpoint.ts';
import type { ReactorTimer } from './timer-wheel.ts';

export interface TlsEndpointOptions {
  /** Milliseconds from now to the end of the handshake. Default `HANDSHAKE_TIMEOUT_MS`. */
  readonly handshakeTimeoutMs?: number;
}

const RECORD_BYTES = 16_384;
/** What a record of TLS 1.3 adds to its content: header, type and tag. */
const RECORD_OVERHEAD_BYTES = 22;

/**
 * A TLS connection over a connected descriptor, client or server according to its context. `onOpen` comes when the
 * handshake is done and the context's demands are met; `peer` then holds the peer's verified certificate, whose
 * identity is the owner's to judge. Failures reach `onClose` as `TlsError`.
 */
export class TlsEndpoint extends StreamEndpoint implements PairHolder {
  readonly #ssl: number;
  readonly #slot: number;
  readonly #pairs: PairPool;
  readonly #handshakeTimer: ReactorTimer;
  #peer: PeerCertificate | undefined;
  #pair: LentPair | undefined;
  #pairUsed = false;
  /** The handshake goes through the pair, both ways: what is left of it is read before the descriptor is. */
  #piped = true;
  /** Our first flight is written, or the peer's comes first. */
  #begun: boolean;
  /** close_notify is written: nothing may follow. */
  #goodbye = false;
  /** Records in the pair that the kernel has not taken yet. */
  #unsent = 0;
  #unsentAddress = 0;
  /**
   * The pair may hold more than that: OpenSSL answers a peer's KeyUpdate while it reads (RFC 8446 4.6.3), and what is written
   * behind such an answer may lie in two pieces.
   */
  #more = false;

  /** Takes an adopted, connected descriptor. Throws `AMBIT_TLS_SESSION`, `AMBIT_TLS_CONTEXT`; the descriptor is the caller's then. */
  constructor(
    reactor: Reactor,
    fd: number,
    context: TlsContext,
    handler: ByteEndpointHandler,
    options: TlsEndpointOptions = {},
  ) {
    super(reactor, fd, handler);
    this.#pairs = PairPool.of(reactor);
    this.#ssl = newSession(context);
    this.#begun = context.side === 'server';
    this.#slot = reactor.ledger.addObject(HANDLE_SESSION, this.#ssl);
    const timeout = options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS;
    this.#handshakeTimer = reactor.after(timeout, () => this.destroy(new TlsError('timeout', 'us', `${timeout} ms`)));
    try {
      reactor.register(fd, EPOLLIN, this);
      if (!this.#begun) reactor.defer(() => this.#begin());
    } catch (error) {
      this.state = 'closed';
      this.release();
      throw error;
    }
  }

  /** The peer's certificate; undefined until `onOpen`. */
  get peer(): PeerCertificate | undefined {
    return this.#peer;
  }

  dropIdlePair(): void {
    const pair = this.#pair;
    const used = this.#pairUsed;
    this.#pairUsed = false;
    if (pair === undefined || used || this.#piped || pairBytes(pair) > 0) return;
    detach(this.#ssl);
    this.#returnPair(true);
  }

  protected override proceed(): void {
    const pair = (this.#pair ??= this.#takePair());
    if (this.#unsent > 0 && !this.#sendFlight(pair)) return;
    if (this.#begun && !this.#receiveFlight(pair)) return;
    this.#begun = true;
    const step = handshake(this.#ssl);
    if (step === TLS_WANTS_READ || step === TLS_WANTS_WRITE) {
      this.#gather(pair);
      this.#sendFlight(pair);
      return;
    }
    if (step !== TLS_DONE) {
      const failure =
        step === TLS_END ? new TlsError('truncated', 'peer', 'closed during the handshake') : lastFailure(this.#ssl);
      this.#sendLast();
      this.abandon(failure);
      return;
    }
    this.#handshakeTimer.cancel();
    const refusal = this.#judge();
    if (refusal !== undefined) {
      this.farewell();
      this.abandon(refusal);
      return;
    }
    this.#leavePipe(pair);
    this.open();
    if (this.closed) return;
    // Our last flight leaves with the owner's first words, which are flushed at the end of the turn.
    if (this.output.waiting === 0) {
      this.#gather(pair);
      this.flush();
    }
    // What came with the peer's last flight lies here or in OpenSSL already, where the kernel does not tell of it.
    if (this.canRead() && this.reading && (this.#piped || hasPending(this.#ssl))) this.pull();
  }

  protected override pull(): void {
    const { address } = this.reactor.scratch;
    let total = 0;
    for (;;) {
      if (this.#piped && this.#pair !== undefined) this.#leavePipe(this.#pair);
      let filled = 0;
      let count = 0;
      let more = false;
      do {
        count = read(this.#ssl, address + filled, READ_BUFFER_BYTES - filled);
        if (count <= 0) break;
        filled += count;
        more = hasPending(this.#ssl);
      } while (more && filled + RECORD_BYTES <= TLS_GATHER_BYTES);
      // The reason has to be fetched before the handler makes other calls.
      const failure = count > 0 ? undefined : this.#failureOf(count);
      if (filled > 0) this.deliver(0, filled);
      if (!this.canRead()) return;
      if (count <= 0) {
        if (count === TLS_END) this.peerHasEnded();
        else if (failure !== undefined) this.#broken(failure);
        return;
      }
      if (!more || !this.reading) return;
      total += filled;
      if (total >= READ_BYTES_PER_TURN) {
        this.readLater();
        return;
      }
    }
  }

  protected override push(): void {
    const { output } = this;
    for (;;) {
      if (this.#unsent > 0 && !this.#sendRecords()) return;
      if (this.#more && this.#gatherMore()) continue;
      const waiting = this.#goodbye ? 0 : output.waiting;
      if (waiting === 0) break;
      const pair = (this.#pair ??= this.#takePair());
      this.#pairUsed = true;
      const count = write(this.#ssl, output.address + output.start, waiting);
      // Answers to many a KeyUpdate fill the pair; the rest of the write follows them.
      if (count === TLS_WANTS_WRITE && this.#gatherMore()) continue;
      if (count <= 0) {
        this.destroy(count === TLS_END ? undefined : lastFailure(this.#ssl));
        return;
      }
      output.start += count;
      this.bytesSent += count;
      // The last words, close_notify and FIN leave together.
      if (this.state === 'ending' && output.waiting === 0) this.#sayGoodbye();
      this.#gather(pair);
      this.#more = this.#unsent !== count + Math.ceil(count / RECORD_BYTES) * RECORD_OVERHEAD_BYTES;
    }
    this.drained();
  }

  protected override farewell(): void {
    this.#sayGoodbye();
    this.#sendLast();
  }

  protected override release(): void {
    this.#handshakeTimer.cancel();
    this.reactor.ledger.removeObject(this.#slot);
    freeSession(this.#ssl);
    const pair = this.#pair;
    if (pair !== undefined) this.#returnPair(pairBytes(pair) === 0 && pairWaiting(pair) === 0);
  }

  #begin(): void {
    if (this.state !== 'opening') return;
    try {
      this.proceed();
    } catch (thrown) {
      this.reactor.report(thrown);
      this.destroy();
    }
  }

  /** Notes what the pair holds: in one piece if it was empty before, for it has room for more than one output buffer. */
  #gather(pair: LentPair): void {
    this.#unsent = pairBytes(pair);
    this.#unsentAddress = pairAddress();
  }

  /** Notes the next piece; false when the pair is empty. */
  #gatherMore(): boolean {
    if (this.#pair !== undefined) this.#gather(this.#pair);
    this.#more = this.#unsent > 0;
    return this.#more;
  }

  /** Takes from the kernel what came of the peer's handshake; false when that is nothing, or the connection broke. */
  #receiveFlight(pair: LentPair): boolean {
    const room = pairRoom(pair);
    const count = recv(this.fd, pairAddress(), room);
    if (count > 0) {
      pairFill(pair, count);
      return true;
    }
    if (count === 0) this.abandon(new TlsError('truncated', 'us', 'closed during the handshake'));
    else if (count !== -EAGAIN) this.abandon(broken('recv', count));
    return false;
  }

  /** Sends our part of the handshake; false when the kernel refused some or the connection broke. */
  #sendFlight(pair: LentPair): boolean {
    const count = this.#unsent === 0 ? 0 : send(this.fd, this.#unsentAddress, this.#unsent);
    if (count < 0 && count !== -EAGAIN) {
      this.abandon(broken('send', count));
      return false;
    }
    this.#sent(pair, count);
    this.reactor.modify(this.fd, this.#unsent > 0 ? EPOLLOUT : EPOLLIN);
    return this.#unsent === 0;
  }

  #sent(pair: LentPair, count: number): void {
    if (count <= 0) return;
    pairConsume(pair, count);
    this.#unsent -= count;
    this.#unsentAddress += count;
  }

  /** Reads from the descriptor from here on, once nothing of what came with the handshake is left. */
  #leavePipe(pair: LentPair): void {
    if (pairWaiting(pair) > 0) return;
    readFromSocket(this.#ssl, this.fd);
    this.#piped = false;
  }

  #sayGoodbye(): void {
    if (this.#goodbye) return;
    this.#goodbye = true;
    sayGoodbye(this.#ssl);
  }

  /** Sends the records of the last `write`; false when the kernel refused some or the connection broke. */
  #sendRecords(): boolean {
    const pair = this.#pair;
    if (pair === undefined) return true;
    const count = (this.#goodbye ? sendLast : send)(this.fd, this.#unsentAddress, this.#unsent);
    if (count < 0 && count !== -EAGAIN) {
      this.destroy(socketError('send', count, 'TLS connection'));
      return false;
    }
    this.#sent(pair, count);
    if (this.#unsent === 0) return true;
    this.setCongested(true);
    return false;
  }

  /** The last words before a close, as far as the kernel takes them at once. */
  #sendLast(): void {
    const pair = this.#pair;
    if (pair === undefined) return;
    for (let length = pairBytes(pair); length > 0; length = pairBytes(pair)) {
      if (sendLast(this.fd, pairAddress(), length) !== length) return;
      pairConsume(pair, length);
    }
  }

  #takePair(): LentPair {
    const pair = this.#pairs.lend(this);
    try {
      if (this.#piped) attachBoth(this.#ssl, pair);
      else attach(this.#ssl, pair);
    } catch (error) {
      this.#pairs.giveBack(this, pair, true);
      throw error;
    }
    return pair;
  }

  #returnPair(empty: boolean): void {
    const pair = this.#pair;
    if (pair === undefined) return;
    this.#pair = undefined;
    this.#pairs.giveBack(this, pair, empty);
  }

  #judge(): TlsError | undefined {
    if (alpn(this.#ssl) !== 'h2') return new TlsError('no-alpn', 'us', 'the peer named no application protocol');
    this.#peer = peerCertificate(this.#ssl);
    return this.#peer === undefined ? new TlsError('no-certificate', 'us', 'no usable leaf') : undefined;
  }

  /** Why a read came to an end, if that is the connection's. */
  #failureOf(result: number): AmbitError | undefined {
    if (result === TLS_END || result === TLS_WANTS_READ) return undefined;
    if (result !== TLS_WANTS_WRITE) return lastFailure(this.#ssl);
    return new TlsError('protocol', 'us', 'it asks for new keys again and again');
  }

  /** The connection failed while it was open: our alert, if OpenSSL wrote one, goes out before the end. */
  #broken(error: AmbitError): void {
    this.#sendLast();
    this.abandon(error);
  }
}

function broken(call: 'recv' | 'send', result: number): AmbitError {
  if (result === -ECONNRESET || result === -EPIPE) return new TlsError('reset', 'peer', errnoName(-result));
  return socketError(call, result, 'TLS connection');
}
