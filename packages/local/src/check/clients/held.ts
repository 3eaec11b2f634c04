import { type Socket, connect } from 'node:net';
import { type Timer, systemClock } from '@ambit/core/clock';
import { CHECK_MARKER, type Cut, type LoadOptions, SERVER_PORTS } from './options.ts';

/** As in `LoadOptions`. */
type HeldOptions = Required<Pick<LoadOptions, 'host' | 'messageEvery' | 'timeout'>>;

/** One connection that stays open and exchanges numbered messages, one after the other. */
export class Held {
  /** Resolves with the first answer; rejects when there is none. */
  readonly established: Promise<void>;
  readonly #options: HeldOptions;
  readonly #cuts: Cut[];
  readonly #openedAt = systemClock.wallTime();
  readonly #socket: Socket;
  #messages = 0;
  #sentAt = 0;
  #slowest = 0;
  #expected = '';
  #timer: Timer | undefined;
  #over = false;
  #settle: (failure?: Error) => void = () => undefined;

  constructor(options: HeldOptions, cuts: Cut[]) {
    this.#options = options;
    this.#cuts = cuts;
    this.#socket = connect({ host: options.host, port: SERVER_PORTS.echo, noDelay: true });
    this.established = new Promise((resolve, reject) => {
      this.#settle = (failure) => {
        if (failure === undefined) resolve();
        else reject(failure);
      };
    });
    this.#socket.setEncoding('latin1');
    this.#socket.on('connect', () => {
      this.#send();
    });
    this.#socket.on('data', (text: string) => {
      this.#receive(text);
    });
    this.#socket.on('end', () => {
      this.#cut('end');
    });
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#cut(error.code ?? error.message);
    });
  }

  /** How many messages came back, and how long the slowest took, in milliseconds; one that never came counts as well. */
  get conversation(): { readonly messages: number; readonly slowest: number } {
    return { messages: this.#messages, slowest: this.#slowest };
  }

  /** Ends the connection. Idempotent. */
  finish(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#expected !== '') this.#slowest = Math.max(this.#slowest, systemClock.now() - this.#sentAt);
    this.#timer?.cancel();
    this.#socket.destroy();
  }

  #send(): void {
    this.#expected = `${CHECK_MARKER} message ${this.#messages}\n`;
    this.#sentAt = systemClock.now();
    this.#socket.write(this.#expected, 'latin1');
    this.#timer = systemClock.setTimeout(() => {
      this.#cut('no answer');
    }, this.#options.timeout);
  }

  #receive(text: string): void {
    if (!this.#expected.startsWith(text)) {
      this.#cut('wrong answer');
      return;
    }
    this.#expected = this.#expected.slice(text.length);
    if (this.#expected !== '') return;
    this.#messages += 1;
    this.#slowest = Math.max(this.#slowest, systemClock.now() - this.#sentAt);
    this.#settle();
    this.#timer?.cancel();
    this.#timer = systemClock.setTimeout(() => {
      this.#send();
    }, this.#options.messageEvery);
  }

  #cut(failure: string): void {
    if (this.#over) return;
    this.finish();
    this.#cuts.push({ openedAt: this.#openedAt, at: systemClock.wallTime(), failure });
    this.#settle(new Error(`a connection that was to stay open: ${failure}`));
  }
}
