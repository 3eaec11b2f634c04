import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Cluster } from '../cluster/cluster.ts';

/** What main.ts prints: a change, a state, a change of leadership, or the outcome of a write. */
export interface Line {
  readonly kind?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly state?: string;
  readonly leading?: boolean;
  readonly force?: boolean;
  readonly code?: string;
  readonly message?: string;
  readonly data?: Readonly<Record<string, string>>;
}

/** main.ts as a process in the cluster's network. */
export class TestClient {
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;

  constructor(cluster: Cluster, ...words: readonly string[]) {
    const main = join(import.meta.dirname, 'main.ts');
    const { argv, environment } = cluster.commandLine([process.execPath, '--conditions=development', main, ...words]);
    const [program = '', ...rest] = argv;
    this.#child = spawn(program, rest, { env: { ...environment }, stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('it has no output');
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.lines.push(JSON.parse(line) as Line));
  }

  get state(): string | undefined {
    return this.lines.findLast(({ state }) => state !== undefined)?.state;
  }

  get leads(): boolean {
    return this.lines.findLast(({ leading }) => leading !== undefined)?.leading ?? false;
  }

  /** Name to uid and resourceVersion, for whoever believes every change; throws when a change contradicts those before. */
  get known(): Record<string, string> {
    const known = new Map<string, Line>();
    for (const line of this.lines) {
      const { kind, name = '', resourceVersion = '' } = line;
      if (kind === undefined) continue;
      const before = known.get(name);
      if ((kind === 'added') !== (before === undefined)) throw new Error(`${kind} ${name}: out of turn`);
      if (Number(resourceVersion) < Number(before?.resourceVersion ?? '0')) throw new Error(`${kind} ${name}: older`);
      if (kind === 'deleted') known.delete(name);
      else known.set(name, line);
    }
    return Object.fromEntries(
      [...known].map(([name, { uid = '', resourceVersion = '' }]) => [name, `${uid} ${resourceVersion}`]),
    );
  }

  /** Resolves when the process has ended by itself. */
  async ended(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
  }

  /** Asks it to end, by the end of its input: a signal ends it at once where it runs in other namespaces. */
  async finish(): Promise<void> {
    this.#child.stdin?.end();
    await this.ended();
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended();
  }
}
