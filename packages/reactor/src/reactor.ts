import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Clock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { close } from '@ambit/native/descriptor';
import { EPOLLET, EPOLLIN, Epoll } from '@ambit/native/epoll';
import { takeEvent } from '@ambit/native/eventfd';
import { Ledger } from '@ambit/native/ledger';
import { type Memory, allocate } from '@ambit/native/memory';
import { BufferPool } from './buffer-pool.ts';
import type { DescriptorAccount } from './descriptor-budget.ts';
import { EVENTS_PER_TURN, LONGEST_WAIT_MS, MESSAGES_PER_TURN, READ_BUFFER_BYTES } from './limits.ts';
import { LOOP_STOP, LOOP_TURNS, type LoopChannel } from './loop-channel.ts';
import { type ReactorTimer, TimerWheel } from './timer-wheel.ts';

/** Something that waits for readiness of a descriptor. */
export interface ReadinessHandler {
  /** `events` are EPOLL… bits. May come without cause (nothing to read): the handler tries and goes on. */
  onReady(events: number): void;
  /** Called when `onReady` threw: give up this endpoint, and only this one. */
  destroy(error: AmbitError): void;
}

/** Something that gathers output during a turn and sends it at the end. */
export interface Flushable {
  flush(): void;
  destroy(error: AmbitError): void;
}

export interface ReactorOptions {
  readonly clock: Clock;
  /** A handler, timer or message threw; what it belonged to is destroyed already. The loop goes on. */
  readonly onError: (error: AmbitError) => void;
  /** The line to the main thread. Without one the loop is alone (tests, tools): stop it with `stop()`. */
  readonly channel?: LoopChannel;
  /** A message that the main thread posted. */
  readonly onMessage?: (message: unknown) => void;
}

/**
 * The event loop of a data thread. One turn: wait for readiness, dispatch by descriptor, timers, deferred calls, flush
 * what became dirty, messages. Everything in it is synchronous: promises do not resolve on this thread while it runs.
 */
export class Reactor {
  /** Milliseconds of the clock, read once per turn. */
  now: number;
  /** The read buffer that all endpoints of the loop share; what lies in it is valid until the next read. */
  readonly scratch: Memory = allocate(READ_BUFFER_BYTES);
  readonly buffers: BufferPool = new BufferPool();
  readonly ledger: Ledger;
  readonly #clock: Clock;
  readonly #epoll: Epoll;
  readonly #onError: (error: AmbitError) => void;
  readonly #onMessage: ((message: unknown) => void) | undefined;
  readonly #port: MessagePort | undefined;
  readonly #wake: number;
  readonly #words: Int32Array;
  readonly #timers: TimerWheel;
  readonly #runTimer: (run: () => void) => void;
  // By descriptor. Kept dense, because V8 turns an array with large gaps into a slow dictionary.
  readonly #handlers: (ReadinessHandler | undefined)[] = [];
  readonly #tags: number[] = [];
  readonly #interests: number[] = [];
  readonly #accounts: (DescriptorAccount | undefined)[] = [];
  #nextTag = 1;
  #dirty: Flushable[] = [];
  #spare: Flushable[] = [];
  #deferred: (() => void)[] = [];
  #messagesWaiting = false;
  #stopped = false;

  constructor(options: ReactorOptions) {
    this.#clock = options.clock;
    this.#onError = options.onError;
    this.#onMessage = options.onMessage;
    this.now = options.clock.now();
    this.#timers = new TimerWheel(this.now);
    this.#runTimer = (run) => this.#guard(run);
    this.ledger = new Ledger(options.channel?.ledger ?? Ledger.allocate());
    this.#words = new Int32Array(options.channel?.state ?? new SharedArrayBuffer(64));
    this.#epoll = new Epoll(EVENTS_PER_TURN);
    this.ledger.addDescriptor(this.#epoll.fd);
    this.#port = options.channel?.port;
    this.#wake = options.channel?.wake ?? -1;
    if (this.#wake >= 0) this.register(this.#wake, EPOLLIN, new Doorbell(this.#wake, () => this.#hear()));
  }

  /** Takes ownership of a descriptor: it is closed by `close`, or with the thread. Until then it counts for `account`. */
  adopt(fd: number, account?: DescriptorAccount): void {
    this.ledger.addDescriptor(fd);
    if (account === undefined) return;
    // Dense, as those of `register`.
    while (this.#accounts.length <= fd) this.#accounts.push(undefined);
    this.#accounts[fd] = account;
    account.taken();
  }

  /**
   * Closes an adopted descriptor and forgets its handler; events of it that are still queued are dropped. Does nothing
   * with a descriptor that is not the loop's (any more). The kernel goes on watching a file of which a duplicate stays open
   * somewhere: `unregister` such a descriptor first.
   */
  close(fd: number): void {
    if (!this.ledger.hasDescriptor(fd)) return;
    this.#forget(fd);
    this.#disown(fd);
    close(fd);
  }

  /** Gives up ownership of an adopted descriptor without closing it. */
  release(fd: number): void {
    this.unregister(fd);
    this.#disown(fd);
  }

  /**
   * Waits for `interest` on behalf of `handler`, which takes the place of the handler before it: EPOLLIN, EPOLLOUT, both,
   * or 0 for errors and hang-ups only, told once. Throws `AMBIT_SYSCALL`.
   */
  register(fd: number, interest: number, handler: ReadinessHandler): void {
    if (this.#handlers[fd] !== undefined) {
      this.#handlers[fd] = handler;
      this.modify(fd, interest);
      return;
    }
    while (this.#handlers.length <= fd) {
      this.#handlers.push(undefined);
      this.#tags.push(0);
      this.#interests.push(0);
    }
    const tag = this.#nextTag;
    this.#nextTag = (tag % 0x7fff_ffff) + 1;
    this.#epoll.add(fd, watched(interest), tag);
    this.#handlers[fd] = handler;
    this.#tags[fd] = tag;
    this.#interests[fd] = interest;
  }

  /** Changes the interest of a registered descriptor. */
  modify(fd: number, interest: number): void {
    if (this.#interests[fd] === interest) return;
    this.#epoll.modify(fd, watched(interest), this.#tags[fd] ?? 0);
    this.#interests[fd] = interest;
  }

  /** Who is told of the readiness of a descriptor. */
  handlerOf(fd: number): ReadinessHandler | undefined {
    return this.#handlers[fd];
  }

  /** Forgets a descriptor that stays open. */
  unregister(fd: number): void {
    if (this.#handlers[fd] === undefined) return;
    this.#epoll.remove(fd);
    this.#forget(fd);
  }

  /** Calls `run` once, not before `milliseconds` and within the timers' granularity after. */
  after(milliseconds: number, run: () => void): ReactorTimer {
    return this.#timers.after(this.now, milliseconds, run);
  }

  /** Calls `flushable.flush()` once at the end of this turn. The caller takes care not to ask twice. */
  flushLater(flushable: Flushable): void {
    this.#dirty.push(flushable);
  }

  /** Calls `run` after the events of this turn, or in the next turn when deferred calls are running already. */
  defer(run: () => void): void {
    this.#deferred.push(run);
  }

  /** Posts a message to the main thread. */
  post(message: unknown): void {
    this.#port?.postMessage(message);
  }

  /** Runs turns until `stop` is called here or on the main thread's `LoopControl`. */
  run(): void {
    while (!this.stopped) this.runTurn(LONGEST_WAIT_MS);
  }

  get stopped(): boolean {
    return this.#stopped || Atomics.load(this.#words, LOOP_STOP) !== 0;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** One turn that waits at most `maxWaitMs` (and never more than `LONGEST_WAIT_MS`) for something to do. */
  runTurn(maxWaitMs: number): void {
    const pending = this.#deferred.length > 0 || this.#dirty.length > 0 || this.#messagesWaiting;
    const wait = pending ? 0 : this.#timers.untilNext(this.now, Math.min(maxWaitMs, LONGEST_WAIT_MS));
    const count = this.#epoll.wait(wait);
    this.now = this.#clock.now();
    Atomics.add(this.#words, LOOP_TURNS, 1);
    for (let index = 0; index < count; index += 1) {
      const fd = this.#epoll.descriptorAt(index);
      if (this.#tags[fd] === this.#epoll.tagAt(index)) this.#dispatch(fd, this.#epoll.eventsAt(index));
    }
    this.#timers.advance(this.now, this.#runTimer);
    if (this.#deferred.length > 0) this.#runDeferred();
    this.#flush();
    if (this.#messagesWaiting) {
      this.#receiveMessages();
      this.#flush();
    }
  }

  /** Closes everything the loop owns. Endpoints are not told; stop them first. */
  dispose(): void {
    this.#stopped = true;
    this.#handlers.length = 0;
    this.ledger.closeAll();
  }

  /** Tells `onError` of something that was thrown and dealt with where it was caught. */
  report(thrown: unknown): void {
    this.#onError(loopError(thrown));
  }

  #disown(fd: number): void {
    this.ledger.removeDescriptor(fd);
    const account = this.#accounts[fd];
    if (account === undefined) return;
    this.#accounts[fd] = undefined;
    account.givenBack();
  }

  #forget(fd: number): void {
    if (fd >= this.#handlers.length) return;
    this.#handlers[fd] = undefined;
    this.#tags[fd] = 0;
    this.#interests[fd] = 0;
  }

  #dispatch(fd: number, events: number): void {
    const handler = this.#handlers[fd];
    if (handler === undefined) return;
    try {
      handler.onReady(events);
    } catch (error) {
      this.#fail(error, handler);
    }
  }

  // A flush makes room, and room makes output: what becomes dirty meanwhile is left to the next turn, so that one busy
  // connection cannot keep the loop here.
  #flush(): void {
    const dirty = this.#dirty;
    if (dirty.length === 0) return;
    this.#dirty = this.#spare;
    this.#spare = dirty;
    for (const flushable of dirty) {
      try {
        flushable.flush();
      } catch (error) {
        this.#fail(error, flushable);
      }
    }
    dirty.length = 0;
  }

  #runDeferred(): void {
    const calls = this.#deferred;
    this.#deferred = [];
    for (const call of calls) this.#guard(call);
  }

  #hear(): void {
    this.#messagesWaiting = true;
  }

  #receiveMessages(): void {
    const port = this.#port;
    if (port === undefined) return;
    for (let count = 0; count < MESSAGES_PER_TURN; count += 1) {
      const received = receiveMessageOnPort(port) as { message: unknown } | undefined;
      if (received === undefined) {
        this.#messagesWaiting = false;
        return;
      }
      this.#guard(() => this.#onMessage?.(received.message));
    }
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.report(error);
    }
  }

  #fail(thrown: unknown, owner: { destroy(error: AmbitError): void }): void {
    const error = loopError(thrown);
    this.#onError(error);
    this.#guard(() => owner.destroy(error));
  }
}

// Edge-triggered without events: the kernel always reports errors and hang-ups, and would repeat them in every turn.
function watched(interest: number): number {
  return interest === 0 ? EPOLLET : interest;
}

/** Empties the wake-up counter and notes that messages wait. */
class Doorbell implements ReadinessHandler {
  readonly #fd: number;
  readonly #ring: () => void;

  constructor(fd: number, ring: () => void) {
    this.#fd = fd;
    this.#ring = ring;
  }

  onReady(): void {
    takeEvent(this.#fd);
    this.#ring();
  }

  destroy(): void {
    // The doorbell belongs to the main thread's LoopControl, which closes it.
  }
}

function loopError(thrown: unknown): AmbitError {
  return thrown instanceof AmbitError
    ? thrown
    : new AmbitError('AMBIT_LOOP', `a handler of the loop threw: ${messageOf(thrown)}`, { cause: thrown });
}
