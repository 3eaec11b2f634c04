import type { NodeName } from '../bed/address-plan.ts';
import type { Conversation } from './test-conversation.ts';
import type { Mesh } from './test-mesh.ts';

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A new connection without its answer. */
export interface Failure {
  /** Milliseconds since the epoch. */
  readonly beganAt: number;
  readonly end: string;
}

/** What steady traffic met. */
export interface SteadyReport {
  /** New connections, each with one exchange. */
  readonly connections: number;
  readonly failures: readonly Failure[];
  /** How many of the connections that stayed open were cut. */
  readonly cut: number;
}

/** New connections from the friend on one node to the server on the other, one each `every` milliseconds, and some that stay. */
export class Steady {
  readonly #mesh: Mesh;
  readonly #from: NodeName;
  readonly #to: NodeName;
  readonly #held: readonly Conversation[];
  readonly #failures: Failure[] = [];
  readonly #running: Promise<void>;
  #connections = 0;
  #over = false;

  constructor(mesh: Mesh, direction: { from: NodeName; to: NodeName }, every: number, held = 0) {
    this.#mesh = mesh;
    this.#from = direction.from;
    this.#to = direction.to;
    const server = mesh.service(`server-${this.#to}`);
    this.#held = Array.from({ length: held }, () => mesh.talk('friend', this.#from, server, 'echo'));
    this.#running = this.#run(every);
  }

  async stop(): Promise<SteadyReport> {
    this.#over = true;
    await this.#running;
    const cut = this.#held.filter(({ outcome }) => outcome !== 'open').length;
    for (const talk of this.#held) talk.close();
    return { connections: this.#connections, failures: this.#failures, cut };
  }

  async #run(every: number): Promise<void> {
    const began = performance.now();
    const open = new Set<Promise<void>>();
    for (let n = 0; !this.#over; n++) {
      const exchange = this.#exchange(Date.now());
      open.add(exchange);
      void exchange.then(() => open.delete(exchange));
      for (const talk of this.#held) talk.send(`still here ${n}\n`);
      await pause(Math.max(0, began + (n + 1) * every - performance.now()));
    }
    await Promise.all(open);
  }

  async #exchange(beganAt: number): Promise<void> {
    const line = 'is anybody there\n';
    const server = this.#mesh.service(`server-${this.#to}`);
    let end: string;
    try {
      const { answer, outcome } = await this.#mesh.ask('friend', this.#from, server, line);
      end = answer === line ? 'answered' : `${outcome} after ${answer.length} bytes`;
    } catch (error) {
      end = String(error);
    }
    this.#connections += 1;
    if (end !== 'answered') this.#failures.push({ beganAt, end });
  }
}
