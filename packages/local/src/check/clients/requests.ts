import { lookup } from 'node:dns/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { systemClock } from '@ambit/core/clock';
import { pause } from '../check.ts';
import { type Answered, KeptSession } from './kept-session.ts';
import type { AnswerRow, RequestsOptions, RequestsReport } from './requests-options.ts';

/** How long requests wait to be told to end, in milliseconds. */
const LONGEST = 600_000;

/** How often what is due of a rate is sent, in milliseconds. */
const TICK = 4;

/** Sends requests in closed loops, or so many a second, until their number is reached or `stop`. */
export class Requests {
  readonly #options: RequestsOptions;
  readonly #agent: Agent;
  readonly #answers: AnswerRow[] = [];
  readonly #failures: { startedAt: number; failure: string }[] = [];
  #repeated = 0;
  #leftOut = 0;
  #begun = 0;
  #stopped = false;

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: options.keepAlive ?? true, maxSockets: options.loops });
  }

  /** Resolves when the last request is over. */
  async run(): Promise<RequestsReport> {
    const { loops, rate } = this.#options;
    if (rate === undefined) await Promise.all(Array.from({ length: loops }, () => this.#loop()));
    else await this.#atRate(rate);
    this.#agent.destroy();
    return {
      answers: this.#answers,
      failures: this.#failures,
      repeated: this.#repeated,
      leftOut: this.#leftOut,
    };
  }

  stop(): void {
    this.#stopped = true;
  }

  async #loop(): Promise<void> {
    const { total = Number.POSITIVE_INFINITY, pause: between = 0, version } = this.#options;
    const session = version === 'http2' ? new KeptSession(this.#options) : undefined;
    while (!this.#stopped && this.#begun < total) {
      this.#begun += 1;
      await this.#one(this.#options.repeat === true ? 'first' : 'only', session);
      if (between > 0) await pause(systemClock, between);
    }
    session?.close();
  }

  async #atRate(rate: number): Promise<void> {
    const { total = Number.POSITIVE_INFINITY, loops } = this.#options;
    const begin = systemClock.now();
    const underWay = new Set<Promise<void>>();
    while (!this.#stopped && this.#begun < total) {
      const due = Math.min(total, Math.floor(((systemClock.now() - begin) * rate) / 1_000));
      for (; this.#begun < due; this.#begun += 1) {
        if (underWay.size >= loops) {
          this.#leftOut += 1;
          continue;
        }
        const one = this.#one(this.#options.repeat === true ? 'first' : 'only').finally(() => underWay.delete(one));
        underWay.add(one);
      }
      await pause(systemClock, TICK);
    }
    await Promise.all(underWay);
  }

  /** A repeated request goes on a connection of its own: another kept one may have lost its other end as well. */
  async #one(attempt: 'first' | 'only' | 'repeated', session?: KeptSession): Promise<void> {
    const startedAt = systemClock.wallTime();
    const begin = systemClock.now();
    try {
      const { status, version, pod } = await (session === undefined
        ? this.#exchange(attempt === 'repeated' ? false : this.#agent)
        : session.exchange());
      const took = Math.round((systemClock.now() - begin) * 100) / 100;
      this.#answers.push([startedAt, took, status, version, pod]);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (attempt === 'first' && session === undefined && code === 'ECONNRESET') {
        this.#repeated += 1;
        await this.#one('repeated');
      } else this.#failures.push({ startedAt, failure: code ?? message });
    }
  }

  #exchange(agent: Agent | false): Promise<Answered> {
    const { host, port, path = '/', headers = {}, answerWithin = 5_000 } = this.#options;
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(answerWithin);
      const call = request({ host, port, path, headers, agent, signal });
      call.on('error', reject);
      call.on('response', (response) => {
        response.on('error', reject);
        response.on('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            version: field(response, 'x-version'),
            pod: field(response, 'x-pod'),
          });
        });
        response.resume();
      });
      call.end();
    });
  }
}

function field({ headers }: IncomingMessage, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

if (process.argv[1] === import.meta.filename) {
  const options = JSON.parse(process.argv[2] ?? '{}') as RequestsOptions;
  // Resolved once: requests are measured, not names.
  const { address: host } = await lookup(options.host);
  const requests = new Requests({ ...options, host });
  if (options.total === undefined) {
    process.once('SIGTERM', () => {
      requests.stop();
    });
    systemClock.setTimeout(
      () => {
        requests.stop();
      },
      options.duration ?? LONGEST,
      { background: true },
    );
    console.log('ready');
  }
  process.stdout.write(`${JSON.stringify(await requests.run())}\n`, () => process.exit());
}
