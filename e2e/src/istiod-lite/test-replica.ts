import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Cluster } from '../cluster/cluster.ts';

const MAIN = join(import.meta.dirname, '..', '..', '..', 'packages', 'istiod-lite', 'src', 'main.ts');

/** istiod-lite as a process that reads a cluster from outside, on ports of its own. */
export class TestReplica {
  /** Every line that it has logged. */
  readonly lines: Record<string, unknown>[] = [];
  readonly #child: ChildProcess;

  constructor(cluster: Cluster, name: string, options: readonly string[]) {
    const command = [process.execPath, '--conditions=development', MAIN, '--pod-name', name, ...options];
    const { argv, environment } = cluster.commandLine(command);
    const [program = '', ...rest] = argv;
    this.#child = spawn(program, rest, { env: { ...environment }, stdio: ['ignore', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('it has no output');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Record<string, unknown>);
    });
  }

  get leads(): boolean {
    const last = this.lines.findLast(({ msg }) => msg === 'leads' || msg === 'leads no more');
    return last?.['msg'] === 'leads';
  }

  get serves(): boolean {
    return this.lines.some(({ msg }) => msg === 'serving');
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exited;
  }
}
