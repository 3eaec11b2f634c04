import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import { type Timer, systemClock } from '@ambit/core/clock';
import { exchangeOf } from './exchange.ts';
import { Held } from './held.ts';
import { Lookups } from './lookups.ts';
import type { Attempt, Cut, LoadOptions, LoadReport } from './options.ts';

/** Milliseconds between two looks at how many connections are due. */
const TICK = 2;
/** How long a load waits for its end, in milliseconds. */
const LONGEST = 600_000;

/**
 * An open-loop load: connections are opened when they are due, however slow the earlier ones are, so that a wait is
 * seen as a wait. `stop` ends the opening, waits for what is under way and reports every connection.
 */
export class Load {
  readonly #options: Required<Omit<LoadOptions, 'duration' | 'name'>>;
  readonly #lookups: Lookups | undefined;
  readonly #attempts: Attempt[] = [];
  readonly #cuts: Cut[] = [];
  #opened = 0;
  #open = 0;
  #leftOut = 0;
  #worstLateness = 0;
  #held: Held[] = [];
  #tick: Timer | undefined;
  #idle: (() => void) | undefined;

  constructor(options: LoadOptions) {
    this.#options = { maxOpen: 3_000, held: 0, messageEvery: 100, timeout: 5_000, protocol: 'tcp', ...options };
    this.#lookups = options.name === undefined ? undefined : new Lookups(options.name);
  }

  /** Opens the connections that stay, and begins the load when all of them have exchanged a message. */
  async start(): Promise<void> {
    this.#held = Array.from({ length: this.#options.held }, () => new Held(this.#options, this.#cuts));
    await Promise.all(this.#held.map((held) => held.established));
    this.#lookups?.start();
    if (this.#options.rate > 0) this.#openDue(systemClock.now());
  }

  async stop(): Promise<LoadReport> {
    this.#tick?.cancel();
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    let messages = 0;
    let slowestMessage = 0;
    for (const held of this.#held) {
      held.finish();
      messages += held.conversation.messages;
      slowestMessage = Math.max(slowestMessage, held.conversation.slowest);
    }
    return {
      attempts: this.#attempts,
      leftOut: this.#leftOut,
      worstLateness: this.#worstLateness,
      held: this.#held.length,
      messages,
      slowestMessage,
      cuts: this.#cuts,
      names: this.#lookups?.stop() ?? { lookups: 0, lost: 0 },
    };
  }

  #openDue(beganAt: number): void {
    this.#tick = systemClock.setTimeout(() => {
      const elapsed = systemClock.now() - beganAt;
      const due = Math.floor((elapsed * this.#options.rate) / 1_000);
      if (this.#opened < due) {
        this.#worstLateness = Math.max(this.#worstLateness, elapsed - (this.#opened * 1_000) / this.#options.rate);
      }
      for (; this.#opened < due; this.#opened++) {
        if (this.#open >= this.#options.maxOpen) this.#leftOut += 1;
        else this.#exchange();
      }
      this.#openDue(beganAt);
    }, TICK);
  }

  #exchange(): void {
    this.#open += 1;
    const startedAt = systemClock.wallTime();
    const exchange = exchangeOf(this.#options.protocol, this.#opened);
    let connectedAt: number | undefined;
    let arrived: Buffer = Buffer.alloc(0);
    let done = false;
    const socket = connect({ host: this.#options.host, port: exchange.port, noDelay: true });
    const finish = (failure?: string): void => {
      if (done) return;
      done = true;
      timer.cancel();
      const connected = connectedAt === undefined ? {} : { connectedAt };
      const outcome = failure === undefined ? {} : { failure };
      this.#attempts.push({ startedAt, ...connected, endedAt: systemClock.wallTime(), ...outcome });
      this.#open -= 1;
      if (failure !== undefined) socket.destroy();
      // An HTTP/2 server keeps the connection for the next request; the others end it.
      else if (this.#options.protocol === 'http2') socket.end();
      if (this.#open === 0) this.#idle?.();
    };
    const phase = (): string => (connectedAt === undefined ? 'connecting' : 'waiting for the answer');
    const timer = systemClock.setTimeout(() => {
      finish(`timeout ${phase()}`);
    }, this.#options.timeout);
    socket.on('connect', () => {
      connectedAt = systemClock.wallTime();
      socket.write(exchange.words);
    });
    socket.on('data', (bytes: Buffer) => {
      arrived = Buffer.concat([arrived, bytes]);
      const verdict = exchange.judge(arrived);
      if (verdict === 'answered') finish();
      else if (verdict === 'wrong') finish('wrong answer');
    });
    socket.on('end', () => {
      finish(`end while ${phase()}`);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      finish(`${error.code ?? error.message} while ${phase()}`);
    });
  }
}

if (process.argv[1] === import.meta.filename) {
  const options = JSON.parse(process.argv[2] ?? '{}') as LoadOptions;
  // Resolved once: the load measures connections, not names.
  const { address: host } = await lookup(options.host);
  const load = new Load({ ...options, host });
  await load.start();
  console.log('ready');
  const end = (): void => {
    // When all connections are cut, nothing else keeps the process until its report is wanted.
    over.cancel();
    void load.stop().then((report) => {
      process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit());
    });
  };
  const over = systemClock.setTimeout(end, options.duration ?? LONGEST);
  process.once('SIGTERM', end);
}
