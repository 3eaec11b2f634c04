import type { Clock } from '@ambit/core/clock';
import type { BedPod } from '../bed/pod.ts';
import type { NamespacedProcess } from '../bed/process.ts';
import type { RunningLoad } from './bench.ts';
import { pause } from './check.ts';
import type { LoadOptions, LoadReport, ServerEvent } from './clients/options.ts';
import { type ClientProgram, nodeArguments } from './manifests.ts';

/** Milliseconds that the runtime needs to start, besides what the program itself may take. */
const STARTUP = 10_000;
/** A load client is ready when all of its stayed-open connections are established. */
const LOAD_READY_WITHIN = 20_000;
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

/** Starts a load inside a pod; resolves when it is under way. */
export async function startLoad(pod: BedPod, options: LoadOptions, clock: Clock): Promise<RunningLoad> {
  const process = pod.start(commandOf('load', options));
  const deadline = clock.now() + LOAD_READY_WITHIN;
  while (!process.output().startsWith('ready\n')) {
    if (!process.running) throw new Error(`the load in ${pod.key} does not start: ${complaint(process.output())}`);
    if (clock.now() > deadline) {
      process.kill();
      throw new Error(`the load in ${pod.key} is not under way after ${LOAD_READY_WITHIN} ms`);
    }
    await pause(clock, POLL);
  }
  return { stop: () => stopLoad(process, pod) };
}

async function stopLoad(process: NamespacedProcess, pod: BedPod): Promise<LoadReport> {
  process.signal('SIGTERM');
  await process.exited;
  const [, report] = process.output().split('\n');
  if (report === undefined || !report.startsWith('{')) {
    throw new Error(`the load in ${pod.key} has no report: ${complaint(process.output())}`);
  }
  return JSON.parse(report) as LoadReport;
}

/** What the server of a pod has said since a moment. */
export function serverEvents(pod: BedPod, since: number): ServerEvent[] {
  const output = pod.process()?.output() ?? '';
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as ServerEvent)
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
