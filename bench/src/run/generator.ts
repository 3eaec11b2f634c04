import { type SocketAddress, formatSocketAddress } from '@ambit/core/address';
import { systemClock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { BedPod } from '@ambit/local/bed/pod';
import type { LoadReport } from '../load/window.ts';
import { logSays, nodeProgram, pinned } from './programs.ts';
import type { Held } from './stand.ts';

/** How long the generator may take beyond its warm-up and window, in milliseconds. */
const GRACE_MS = 45_000;
/** Milliseconds for a first answer through proxies that are still being told of the pods, and between attempts. */
const FIRST_ANSWER_MS = 20_000;
const FIRST_ANSWER_PAUSE_MS = 200;

/** The load generator in a pod, on one processor. */
export class Generator {
  readonly #pod: BedPod;
  readonly #cpu: number;
  readonly #common: readonly string[];

  /** `token`: what the requests of HTTP bear. */
  constructor(pod: BedPod, cpu: number, token?: string) {
    this.#pod = pod;
    this.#cpu = cpu;
    this.#common = token === undefined ? [] : ['--token', token];
  }

  /** Runs a shape to its end. Throws `AMBIT_BENCH_LOAD`. */
  async load(
    shape: string,
    target: SocketAddress,
    options: Readonly<Record<string, string | number>>,
  ): Promise<LoadReport> {
    const all: Readonly<Record<string, string | number>> = { ...options, target: formatSocketAddress(target) };
    const rest = Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const command = pinned(this.#cpu, nodeProgram('../load/main'), shape, ...rest, ...this.#common);
    const timeout = Number(options['warmUp'] ?? 0) + Number(options['measure'] ?? 0) + GRACE_MS;
    const { code, stdout, stderr } = await this.#pod.run(command, { timeout });
    if (code !== 0) throw new AmbitError('AMBIT_BENCH_LOAD', `${shape}: ${stderr.trim() || `exit code ${code}`}`);
    return JSON.parse(stdout) as LoadReport;
  }

  hold(target: SocketAddress, connections: number): Promise<Held> {
    return this.#hold('hold', target, ['--connections', String(connections)]);
  }

  holdStreams(target: SocketAddress, connections: number, streams: number): Promise<Held> {
    return this.#hold('hold-streams', target, ['--connections', String(connections), '--streams', String(streams)]);
  }

  async #hold(shape: string, target: SocketAddress, words: readonly string[]): Promise<Held> {
    const rest = ['--target', formatSocketAddress(target), ...words, ...this.#common];
    const holder = this.#pod.start(pinned(this.#cpu, nodeProgram('../load/main'), shape, ...rest));
    await logSays(holder, '"held"');
    return {
      release: async () => {
        holder.kill();
        await holder.exited;
      },
    };
  }

  /** Resolves when a short run of `shape` succeeds. Throws `AMBIT_BENCH_STAND`. */
  async firstAnswer(
    shape: string,
    target: SocketAddress,
    options: Readonly<Record<string, string | number>>,
  ): Promise<void> {
    let last: unknown;
    const deadline = systemClock.now() + FIRST_ANSWER_MS;
    while (systemClock.now() < deadline) {
      try {
        const report = await this.load(shape, target, { ...options, warmUp: 1, measure: 50 });
        if (report.errors === 0 && report.done > 0) return;
        last = `${report.errors} errors`;
      } catch (error) {
        last = error;
      }
      await new Promise((resolve) => setTimeout(resolve, FIRST_ANSWER_PAUSE_MS));
    }
    throw new AmbitError('AMBIT_BENCH_STAND', `the server does not answer the client: ${messageOf(last)}`);
  }
}
