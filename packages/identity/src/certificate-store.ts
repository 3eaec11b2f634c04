import type { Clock, Timer } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { formatSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import type {
  Certificate,
  CertificateSource,
  FetchFailure,
  FetchPriority,
  IdentityEvent,
  IdentityState,
  IssuedChain,
} from './certificate.ts';
import { checkChain } from './certificate-chain.ts';
import { FetchQueue } from './fetch-queue.ts';
import {
  CONCURRENT_FETCHES,
  DEMAND_RETRY_GAP_MS,
  FETCH_TIMEOUT_MS,
  RENEWAL_GAP_MS,
  RENEWAL_SPREAD,
  ROOT_CHANGE_SPREAD_MS,
  TIMER_MAX_MS,
} from './limits.ts';
import { retryDelay } from './retry-delay.ts';
import { type DecodedState, decodeState, encodeState } from './saved-state.ts';

export interface CertificateStoreOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly source: CertificateSource;
  /** Called synchronously; must not throw. */
  readonly onEvent: (event: IdentityEvent) => void;
}

/** What is being done about an identity. */
type Work =
  | { readonly kind: 'idle' }
  | { readonly kind: 'queued' }
  | { readonly kind: 'fetching'; readonly abort: AbortController }
  | { readonly kind: 'retrying'; readonly timer: Timer };

interface Entry {
  readonly identity: SpiffeId;
  readonly key: string;
  state: IdentityState;
  work: Work;
  /** Of the certificate, on the monotonic clock. */
  renewAt: number;
  expiresAt: number;
  /** Renewal or expiry, whichever comes first. */
  timer: Timer | undefined;
  /** Drawn when a series of failures begins. */
  firstRetry: number;
  lastAttempt: number;
  readonly waiters: Set<Waiter>;
}

interface Waiter {
  readonly resolve: (certificate: Certificate) => void;
  readonly reject: (error: AmbitError) => void;
  readonly timer: Timer;
}

/**
 * The certificates of the workloads on a node: fetches them when asked to, renews them at half of their validity, keeps
 * a valid one through failures, and tells every change by an event. One fetch per identity, however many ask.
 * Runs on the main thread; needs neither gRPC nor X.509 libraries until the source is first asked.
 */
export class CertificateStore implements Drainable {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #source: CertificateSource;
  readonly #onEvent: (event: IdentityEvent) => void;
  readonly #entries = new Map<string, Entry>();
  readonly #queue = new FetchQueue(CONCURRENT_FETCHES);
  readonly #knownRoots = new Set<string>();
  #generation = 0;
  #closed = false;

  constructor(options: CertificateStoreOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#source = options.source;
    this.#onEvent = options.onEvent;
  }

  /** Asks for a certificate, now and for as long as the identity is not forgotten. Known identities only gain priority. */
  warm(identity: SpiffeId, priority: FetchPriority = 'warmup'): void {
    if (this.#closed) return;
    const entry = this.#entries.get(formatSpiffeId(identity)) ?? this.#addEntry(identity);
    if (entry.state.phase !== 'available') this.#enqueue(entry, priority);
  }

  /** The valid certificate of an identity, if there is one. Does not ask for it. */
  get(identity: SpiffeId): Certificate | undefined {
    const state = this.state(identity);
    return state?.phase === 'available' ? state.certificate : undefined;
  }

  /**
   * The valid certificate of an identity, waiting for it at most `timeoutMs`; a connection is waiting, so it is fetched
   * before all others and a pending retry is brought forward. Rejects with `AMBIT_IDENTITY_UNAVAILABLE` that quotes the
   * last failure, or with `AMBIT_IDENTITY_FORGOTTEN`.
   */
  obtain(identity: SpiffeId, options: { timeoutMs: number }): Promise<Certificate> {
    const present = this.get(identity);
    if (present !== undefined) return Promise.resolve(present);
    if (this.#closed) return Promise.reject(forgotten(identity));
    this.warm(identity, 'realtime');
    const entry = this.#entries.get(formatSpiffeId(identity)) ?? this.#addEntry(identity);
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimeout(() => {
        entry.waiters.delete(waiter);
        reject(unavailable(entry, options.timeoutMs));
      }, options.timeoutMs);
      const waiter: Waiter = { resolve, reject, timer };
      entry.waiters.add(waiter);
    });
  }

  /** Undefined for an identity that was never asked for. */
  state(identity: SpiffeId): IdentityState | undefined {
    const entry = this.#entries.get(formatSpiffeId(identity));
    if (entry !== undefined) this.#noticeExpiry(entry);
    return entry?.state;
  }

  /** Every identity that was asked for and not forgotten. */
  identities(): SpiffeId[] {
    return Array.from(this.#entries.values(), (entry) => entry.identity);
  }

  /** Drops an identity with its key, because its last workload left the node. A fetch under way is cut. */
  forget(identity: SpiffeId): void {
    const key = formatSpiffeId(identity);
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#stop(entry);
    this.#onEvent({ kind: 'forgotten', identity: entry.identity });
  }

  /**
   * Every valid certificate with its private key, as bytes for memory that outlives the process; never for a disk.
   * `kept`: whether that of an identity goes with it. Default: all.
   */
  exportState(kept: (identity: SpiffeId) => boolean = () => true): Uint8Array {
    const identities = this.identities().filter((identity) => kept(identity));
    const states = identities.map((identity) => this.state(identity));
    return encodeState(states.flatMap((state) => (state?.phase === 'available' ? [state.certificate] : [])));
  }

  /**
   * Takes up certificates of `exportState`, generations included, as if each had been fetched before; what is damaged,
   * expired or already here is left out. Returns what was used and what was not.
   */
  importState(bytes: Uint8Array): DecodedState {
    const decoded = decodeState(bytes, this.#clock.wallTime());
    const used: Certificate[] = [];
    for (const certificate of decoded.certificates) {
      this.#generation = Math.max(this.#generation, certificate.generation);
      if (this.#entries.has(formatSpiffeId(certificate.identity))) continue;
      used.push(certificate);
      this.#knownRoots.add(certificate.rootsPem);
      this.#adopt(this.#addEntry(certificate.identity), certificate, true);
    }
    return { certificates: used, dropped: decoded.dropped };
  }

  /** The mesh trusts this root: identities that came without it are renewed soon, and learn of it thereby. */
  expectRoot(rootPem: string): void {
    const expected = certificateText(rootPem);
    this.#renewSoon((rootsPem) => !certificateText(rootsPem).includes(expected));
  }

  /** Nothing here is worth waiting for: the same as `destroy`. */
  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  /** Cuts fetches, drops keys, rejects whoever waits. No event follows. */
  destroy(): void {
    this.#closed = true;
    for (const entry of this.#entries.values()) this.#stop(entry);
    this.#entries.clear();
  }

  #addEntry(identity: SpiffeId): Entry {
    const entry: Entry = {
      identity,
      key: formatSpiffeId(identity),
      state: { phase: 'initializing' },
      work: { kind: 'idle' },
      renewAt: Infinity,
      expiresAt: Infinity,
      timer: undefined,
      firstRetry: 0,
      lastAttempt: -Infinity,
      waiters: new Set(),
    };
    this.#entries.set(entry.key, entry);
    return entry;
  }

  #stop(entry: Entry): void {
    entry.timer?.cancel();
    this.#queue.remove(entry.key);
    if (entry.work.kind === 'fetching') entry.work.abort.abort();
    if (entry.work.kind === 'retrying') entry.work.timer.cancel();
    for (const waiter of entry.waiters) {
      waiter.timer.cancel();
      waiter.reject(forgotten(entry.identity));
    }
    entry.waiters.clear();
  }

  #enqueue(entry: Entry, priority: FetchPriority): void {
    switch (entry.work.kind) {
      case 'fetching':
        return;
      case 'retrying': {
        if (priority !== 'realtime') return;
        entry.work.timer.cancel();
        const wait = entry.lastAttempt + DEMAND_RETRY_GAP_MS - this.#clock.now();
        if (wait > 0) {
          this.#retryIn(entry, priority, wait);
          return;
        }
        break;
      }
      case 'idle':
      case 'queued':
        break;
    }
    entry.work = { kind: 'queued' };
    this.#queue.add(entry.key, priority, () => this.#fetch(entry));
  }

  #retryIn(entry: Entry, priority: FetchPriority, delay: number): void {
    const timer = this.#clock.setTimeout(() => {
      entry.work = { kind: 'idle' };
      this.#enqueue(entry, priority);
    }, delay);
    entry.work = { kind: 'retrying', timer };
  }

  async #fetch(entry: Entry): Promise<void> {
    const abort = new AbortController();
    entry.work = { kind: 'fetching', abort };
    entry.lastAttempt = this.#clock.now();
    let outcome: Certificate | Error;
    try {
      const issued = await this.#fetchInTime(entry, abort);
      outcome = { ...checkChain(entry.identity, issued, this.#clock.wallTime()), generation: this.#generation + 1 };
    } catch (error) {
      outcome = error instanceof Error ? error : new Error(messageOf(error));
    }
    if (this.#entries.get(entry.key) !== entry) return;
    entry.work = { kind: 'idle' };
    if (outcome instanceof Error) {
      this.#failed(entry, outcome);
      return;
    }
    this.#generation = outcome.generation;
    this.#adopt(entry, outcome, false);
    this.#noticeRoots(outcome);
  }

  async #fetchInTime(entry: Entry, abort: AbortController): Promise<IssuedChain> {
    let timer: Timer | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = this.#clock.setTimeout(() => {
        abort.abort();
        reject(new AmbitError('AMBIT_CA_TIMEOUT', `the CA did not answer for ${entry.key} in ${FETCH_TIMEOUT_MS} ms`));
      }, FETCH_TIMEOUT_MS);
    });
    try {
      return await Promise.race([this.#source.fetch(entry.identity, abort.signal), late]);
    } finally {
      timer?.cancel();
    }
  }

  #failed(entry: Entry, error: Error): void {
    this.#noticeExpiry(entry);
    const before = entry.state.phase === 'initializing' ? undefined : entry.state.failure;
    const failure: FetchFailure = {
      code: error instanceof AmbitError ? error.code : 'AMBIT_CA_FAILED',
      message: error.message,
      at: this.#clock.wallTime(),
      count: (before?.count ?? 0) + 1,
    };
    if (failure.count === 1) entry.firstRetry = this.#random();
    const valid = entry.state.phase === 'available';
    entry.state =
      entry.state.phase === 'initializing' ? { phase: 'unavailable', failure } : { ...entry.state, failure };
    const waiting: FetchPriority = entry.waiters.size > 0 ? 'realtime' : 'warmup';
    const retryInMs = retryDelay(failure.count, entry.firstRetry, this.#random());
    this.#retryIn(entry, valid ? 'background' : waiting, retryInMs);
    const validUntil = entry.state.phase === 'available' ? entry.state.certificate.notAfter : undefined;
    this.#onEvent({ kind: 'failed', identity: entry.identity, failure, retryInMs, validUntil });
  }

  #adopt(entry: Entry, certificate: Certificate, restored: boolean): void {
    const { notBefore, notAfter } = certificate;
    const life = notAfter - notBefore;
    const wall = this.#clock.wallTime();
    const half = notBefore + life / 2 - life * RENEWAL_SPREAD * this.#random();
    // A CA that hands out certificates near their end must not be asked again and again.
    const earliest = restored ? wall : wall + Math.max(RENEWAL_GAP_MS, (notAfter - wall) / 4);
    const renewAt = Math.max(half, earliest);
    const toMonotonic = this.#clock.now() - wall;
    entry.state = { phase: 'available', certificate, renewAt };
    entry.renewAt = renewAt + toMonotonic;
    entry.expiresAt = notAfter + toMonotonic;
    this.#arm(entry);
    this.#onEvent({ kind: 'certificate', certificate, restored });
    for (const waiter of entry.waiters) {
      waiter.timer.cancel();
      waiter.resolve(certificate);
    }
    entry.waiters.clear();
  }

  /** A root bundle never seen before: whoever holds an older one gets it long before its own renewal. */
  #noticeRoots(certificate: Certificate): void {
    if (this.#knownRoots.has(certificate.rootsPem)) return;
    const others = this.#knownRoots.size > 0;
    this.#knownRoots.add(certificate.rootsPem);
    if (others) this.#renewSoon((rootsPem) => rootsPem !== certificate.rootsPem);
  }

  #renewSoon(needed: (rootsPem: string) => boolean): void {
    for (const entry of this.#entries.values()) {
      if (entry.state.phase !== 'available' || !needed(entry.state.certificate.rootsPem)) continue;
      entry.renewAt = Math.min(entry.renewAt, this.#clock.now() + this.#random() * ROOT_CHANGE_SPREAD_MS);
      this.#arm(entry);
    }
  }

  #arm(entry: Entry): void {
    entry.timer?.cancel();
    if (entry.state.phase !== 'available') return;
    const next = entry.work.kind === 'idle' ? Math.min(entry.renewAt, entry.expiresAt) : entry.expiresAt;
    const delay = Math.min(Math.max(next - this.#clock.now(), 0), TIMER_MAX_MS);
    entry.timer = this.#clock.setTimeout(() => this.#tick(entry), delay, { background: true });
  }

  #tick(entry: Entry): void {
    this.#noticeExpiry(entry);
    // Either clock may call for a renewal: the wall clock was set, or the machine slept.
    const due =
      entry.state.phase === 'available' &&
      (this.#clock.now() >= entry.renewAt || this.#clock.wallTime() >= entry.state.renewAt);
    if (due && entry.work.kind === 'idle') this.#enqueue(entry, 'background');
    this.#arm(entry);
  }

  /** Expired only when both clocks agree, so that a wall clock set wrong does not take every identity at once. */
  #noticeExpiry(entry: Entry): void {
    if (entry.state.phase !== 'available') return;
    const { certificate, failure } = entry.state;
    if (this.#clock.now() < entry.expiresAt || this.#clock.wallTime() < certificate.notAfter) return;
    entry.state = { phase: 'expired', certificate, ...(failure === undefined ? {} : { failure }) };
    entry.timer?.cancel();
    this.#onEvent({ kind: 'expired', identity: entry.identity, notAfter: certificate.notAfter });
    this.#enqueue(entry, 'warmup');
  }
}

/** PEM as one line, however it was wrapped. */
function certificateText(pem: string): string {
  return pem.replace(/\s/g, '');
}

function forgotten(identity: SpiffeId): AmbitError {
  return new AmbitError(
    'AMBIT_IDENTITY_FORGOTTEN',
    `${formatSpiffeId(identity)} has no workload on this node any more, or the proxy is stopping`,
  );
}

function unavailable(entry: Entry, timeoutMs: number): AmbitError {
  const { state } = entry;
  const failure = state.phase === 'initializing' ? undefined : state.failure;
  const cause =
    failure === undefined ? 'the CA has not answered yet' : `the last of ${failure.count} attempts: ${failure.message}`;
  return new AmbitError(
    'AMBIT_IDENTITY_UNAVAILABLE',
    `no ${state.phase === 'expired' ? 'unexpired ' : ''}certificate for ${entry.key} within ${timeoutMs} ms; ${cause}`,
    { retryable: true },
  );
}
