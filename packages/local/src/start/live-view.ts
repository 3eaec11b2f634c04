import type { Clock, Timer } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import { NODE_NAMES } from '../bed/address-plan.ts';
import type { Bed } from '../bed/bed.ts';
import { parseAccessLine } from './access-log.ts';
import { conversations } from './conversations.ts';
import { type Sample, parseExposition } from './exposition.ts';
import { liveTable } from './live-table.ts';
import { LogFollower } from './log-follower.ts';

/** Milliseconds between two pictures on a terminal, and elsewhere, where each adds to what is there. */
const TERMINAL_EVERY = 1_000;
const ELSEWHERE_EVERY = 5_000;
/** Milliseconds until the first picture: by then there is something to show. */
const FIRST_AFTER = 1_000;
/** Refusals shown below the table. */
const SHOWN_REFUSALS = 4;

/** Where the view is drawn. */
export interface Screen {
  readonly isTTY: boolean;
  /** Width of a terminal, in characters. */
  readonly columns?: number;
  write(text: string): void;
}

/** Shows who talks to whom with which identity, from what the proxies count, and the last refusals, from their logs. */
export class LiveView {
  readonly #bed: Bed;
  readonly #clock: Clock;
  readonly #screen: Screen;
  readonly #follower: LogFollower;
  readonly #refusals: string[] = [];
  #timer: Timer | undefined;
  #drawnLines = 0;
  #stopped = false;

  constructor(bed: Bed, clock: Clock, screen: Screen) {
    this.#bed = bed;
    this.#clock = clock;
    this.#screen = screen;
    this.#follower = new LogFollower(
      bed.logs,
      (file) => file.startsWith('ztunnel-'),
      (line) => {
        this.#noteRefusal(line);
      },
    );
  }

  start(): void {
    this.#later(FIRST_AFTER);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Writes a line above the picture. */
  say(line: string): void {
    this.#erase();
    this.#screen.write(`${line}\n`);
  }

  #later(milliseconds: number): void {
    this.#timer = this.#clock.setTimeout(() => {
      void this.#draw().then(() => {
        if (!this.#stopped) this.#later(this.#screen.isTTY ? TERMINAL_EVERY : ELSEWHERE_EVERY);
      });
    }, milliseconds);
  }

  async #draw(): Promise<void> {
    const [problems, ...samples] = await Promise.all([
      this.#problems(),
      ...NODE_NAMES.map((name) => this.#scrape(name)),
    ]);
    if (this.#stopped) return;
    this.#follower.read();
    const picture = [liveTable(conversations(samples.flat()))];
    if (this.#refusals.length > 0) picture.push('', 'Refused lately:', ...this.#refusals);
    if (problems.length > 0)
      picture.push('', 'Wrong in the manifests, what was good before stays in force:', ...problems);
    const text = `${picture.join('\n').split('\n').map(this.#fit).join('\n')}\n`;
    this.#erase();
    this.#screen.write(text);
    this.#drawnLines = text.split('\n').length - 1;
    if (!this.#screen.isTTY) this.#screen.write('\n');
  }

  async #scrape(name: (typeof NODE_NAMES)[number]): Promise<Sample[]> {
    try {
      return parseExposition(await this.#bed.node(name).proxy.metrics());
    } catch (error) {
      this.say(`node ${name} gives no metrics: ${messageOf(error)}`);
      return [];
    }
  }

  async #problems(): Promise<string[]> {
    try {
      const { refused } = JSON.parse(await this.#bed.controller.status('/debug/problems')) as { refused: string[] };
      return refused.map((problem) => `  ${problem}`);
    } catch (error) {
      return [`  the controller does not answer: ${messageOf(error)}`];
    }
  }

  /** A line that a terminal would wrap could not be moved over again. */
  readonly #fit = (line: string): string => (this.#screen.isTTY ? line.slice(0, this.#screen.columns) : line);

  #noteRefusal(line: string): void {
    const record = parseAccessLine(line);
    if (record?.fields['response_flags'] !== 'DENY' || record.fields['direction'] !== 'inbound') return;
    const { fields } = record;
    const who = fields['src.identity'] ?? `${fields['src.addr'] ?? '?'} without identity`;
    const whom = `${fields['dst.namespace'] ?? '?'}/${fields['dst.workload'] ?? '?'}`;
    const time = new Date(record.at).toISOString().slice(11, 19);
    this.#refusals.push(`  ${time} ${who} to ${whom}: ${fields['error'] ?? ''}`);
    this.#refusals.splice(0, this.#refusals.length - SHOWN_REFUSALS);
  }

  /** Moves over the last picture, so that the next one takes its place. */
  #erase(): void {
    if (this.#screen.isTTY && this.#drawnLines > 0) this.#screen.write(`\x1b[${this.#drawnLines}A\x1b[J`);
    this.#drawnLines = 0;
  }
}
