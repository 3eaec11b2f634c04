import { MessageChannel, type MessagePort, receiveMessageOnPort, type Transferable } from 'node:worker_threads';
import { close } from '@ambit/native/descriptor';
import { openEvent, raiseEvent } from '@ambit/native/eventfd';
import { Ledger } from '@ambit/native/ledger';

/** What a data thread needs to be reached: goes into its `workerData`, with `port` in the transfer list. */
export interface LoopChannel {
  readonly port: MessagePort;
  /** An event counter that wakes the loop. */
  readonly wake: number;
  /** Words of `LoopWord`. */
  readonly state: SharedArrayBuffer;
  /** The handles of the thread, see `Ledger`. */
  readonly ledger: SharedArrayBuffer;
}

export const LOOP_TURNS = 0;
export const LOOP_STOP = 1;
const LOOP_WORDS = 16;

/** The main thread's end of a loop. */
export class LoopControl {
  /** Pass this to the thread, `channel.port` in the transfer list. */
  readonly channel: LoopChannel;
  readonly #port: MessagePort;
  readonly #onMessage: (message: unknown) => void;
  readonly #words: Int32Array;
  #closed = false;

  /** `onMessage` gets what the loop posts. The port keeps this process alive until `close`. */
  constructor(onMessage: (message: unknown) => void) {
    const { port1, port2 } = new MessageChannel();
    const state = new SharedArrayBuffer(LOOP_WORDS * 4);
    this.#port = port1;
    this.#onMessage = onMessage;
    this.#port.on('message', onMessage);
    this.#port.on('messageerror', onMessage);
    this.#words = new Int32Array(state);
    this.channel = { port: port2, wake: openEvent(), state, ledger: Ledger.allocate() };
  }

  /** Queues a message for the loop and wakes it. */
  post(message: unknown, transfer: Transferable[] = []): void {
    if (this.#closed) return;
    this.#port.postMessage(message, transfer);
    raiseEvent(this.channel.wake);
  }

  /** Turns the loop has made; a number that stands still for longer than its longest wait is a stalled thread. */
  turns(): number {
    return Atomics.load(this.#words, LOOP_TURNS);
  }

  /** Makes the loop's `run` return after the current turn. Idempotent. */
  stop(): void {
    Atomics.store(this.#words, LOOP_STOP, 1);
    if (!this.#closed) raiseEvent(this.channel.wake);
  }

  /**
   * Once the thread is gone: hands over what it posted last, closes whatever it left open, and the channel. Returns the number
   * of handles. Idempotent.
   */
  reap(): number {
    const handles = new Ledger(this.channel.ledger).closeAll();
    if (!this.#closed) {
      this.#closed = true;
      // The end of a thread overtakes the messages of its port.
      for (let last = receive(this.#port); last !== undefined; last = receive(this.#port))
        this.#onMessage(last.message);
      this.#port.close();
      close(this.channel.wake);
    }
    return handles;
  }
}

function receive(port: MessagePort): { readonly message: unknown } | undefined {
  return receiveMessageOnPort(port);
}
