import type { Clock } from '@ambit/core/clock';
import type { BedPod } from '../bed/pod.ts';
import type { NamespacedProcess } from '../bed/process.ts';
import type { Running } from './bench.ts';
import { SHOP_IMAGES } from '../start/shop.ts';
import { pause } from './check.ts';
import { type ClientProgram, nodeArguments } from './manifests.ts';

/** Milliseconds that the runtime needs to start, besides what the program itself may take. */
const STARTUP = 10_000;
/** A client is under way when what it holds open is established. */
const LOAD_READY_WITHIN = 20_000;
/** Milliseconds that a program of the shop may take. */
const SHOP_PROGRAM = 60_000;
const POLL = 20;

/** Runs one of the clients inside a pod and reads the JSON that it prints. */
export async function runProgram<Result>(
  pod: BedPod,
  program: ClientProgram,
  options: { readonly timeout: number },
): Promise<Result> {
  const result = await pod.run(commandOf(program, options), { timeout: options.timeout + STARTUP });
  if (result.code !== 0) throw new Error(`${program} in ${pod.key} failed: ${complaint(result.stderr)}`);
  return JSON.parse(result.stdout) as Result;
}

/** Starts one of the clients that say when they are under way; its report is what it prints when it is told to end. */
export async function startProgram<Report>(
  pod: BedPod,
  program: ClientProgram,
  options: object,
  clock: Clock,
): Promise<Running<Report>> {
  const process = pod.start(commandOf(program, options));
  const deadline = clock.now() + LOAD_READY_WITHIN;
  while (!process.output().startsWith('ready\n')) {
    if (!process.running) throw new Error(`${program} in ${pod.key} does not start: ${complaint(process.output())}`);
    if (clock.now() > deadline) {
      process.kill();
      throw new Error(`${program} in ${pod.key} is not under way after ${LOAD_READY_WITHIN} ms`);
    }
    await pause(clock, POLL);
  }
  return { stop: () => stopProgram<Report>(process, program, pod) };
}

async function stopProgram<Report>(process: NamespacedProcess, program: ClientProgram, pod: BedPod): Promise<Report> {
  process.signal('SIGTERM');
  await process.exited;
  const [, report] = process.output().split('\n');
  // The end of a program without report is all that there is to say.
  if (program === 'slow-reader') return undefined as Report;
  if (report === undefined || !report.startsWith('{')) {
    throw new Error(`${program} in ${pod.key} has no report: ${complaint(process.output())}`);
  }
  return JSON.parse(report) as Report;
}

/** Runs a program of the shop inside a pod and reads the JSON that it prints. */
export async function runShopProgram<Result>(pod: BedPod, name: string, words: readonly string[]): Promise<Result> {
  const { directory } = SHOP_IMAGES['ghcr.io/ambit-mesh/shop'] ?? { directory: '/' };
  const result = await pod.run(['node', `${name}.js`, ...words], { directory, timeout: SHOP_PROGRAM });
  if (result.code !== 0) throw new Error(`${name} in ${pod.key} failed: ${complaint(result.stderr)}`);
  return JSON.parse(result.stdout) as Result;
}

/** What the server of a pod has said since a moment, one event a line. */
export function serverEvents<Event extends { readonly at: number }>(pod: BedPod, since: number): Event[] {
  const output = pod.process()?.output() ?? '';
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Event)
    .filter(({ at }) => at >= since);
}

function commandOf(program: ClientProgram, options: object): string[] {
  return ['node', ...nodeArguments(program), JSON.stringify(options)];
}

/** The line of an output that says what went wrong. */
function complaint(output: string): string {
  const lines = output.trim().split('\n');
  return lines.find((line) => /^\w*Error\b/.test(line)) ?? output.trim().slice(-300);
}
