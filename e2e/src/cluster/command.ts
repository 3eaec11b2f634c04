import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Clock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import type { Environment } from './environment.ts';

export interface CommandOptions {
  readonly environment: Environment;
  readonly clock: Clock;
  /** What the command reads: text, or the content of a file. Default nothing. */
  readonly input?: string | { readonly file: string };
  /** Milliseconds until it is killed. Default none. */
  readonly timeout?: number;
  readonly directory?: string;
  /** What an error calls the command when it is wrapped in others. Default the whole command line. */
  readonly shown?: readonly string[];
  /** Ends the command when it fires. */
  readonly signal?: AbortSignal | undefined;
}

export interface CommandResult {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** How much of what a command said goes into an error. */
const SAID = 1_500;

/**
 * Runs a command to its end; any exit code is a result. Rejects with `AMBIT_CLUSTER_SPAWN` when it cannot be started and
 * `AMBIT_CLUSTER_TIMEOUT` when it took too long.
 */
export async function runCommand(argv: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const { input, shown = argv } = options;
  const source = typeof input === 'object' ? openSync(input.file, 'r') : undefined;
  let child: ChildProcess;
  try {
    child = spawn(argv[0] ?? '', argv.slice(1), {
      env: options.environment,
      cwd: options.directory,
      signal: options.signal,
      stdio: [source ?? (input === undefined ? 'ignore' : 'pipe'), 'pipe', 'pipe'],
    });
  } finally {
    if (source !== undefined) closeSync(source);
  }
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => (output[name] += text));
  }
  // A command that does not want all of its input (EPIPE) says so by its exit code.
  child.stdin?.on('error', () => undefined);
  if (typeof input === 'string') child.stdin?.end(input);
  return await new Promise((resolve, reject) => {
    const { timeout } = options;
    const expired = (): void => {
      child.kill('SIGKILL');
      // What the command started may hold its output open for long.
      for (const stream of [child.stdout, child.stderr]) stream?.destroy();
      reject(failure('AMBIT_CLUSTER_TIMEOUT', shown, `not finished after ${timeout ?? 0} ms`, output));
    };
    const timer = timeout === undefined ? undefined : options.clock.setTimeout(expired, timeout);
    child.once('error', (error) => {
      timer?.cancel();
      reject(new AmbitError('AMBIT_CLUSTER_SPAWN', `${shown.join(' ')}: ${error.message}`, { cause: error }));
    });
    child.once('close', (code) => {
      timer?.cancel();
      resolve({ code: code ?? undefined, ...output });
    });
  });
}

/** Like `runCommand`, for a command that must succeed: its standard output. Rejects with `AMBIT_CLUSTER_COMMAND`. */
export async function mustRun(argv: readonly string[], options: CommandOptions): Promise<string> {
  const result = await runCommand(argv, options);
  if (result.code === 0) return result.stdout;
  throw failure('AMBIT_CLUSTER_COMMAND', options.shown ?? argv, `ended with ${result.code ?? 'a signal'}`, result);
}

function failure(
  code: string,
  argv: readonly string[],
  what: string,
  output: Pick<CommandResult, 'stdout' | 'stderr'>,
): AmbitError {
  const said = (output.stderr.trim() === '' ? output.stdout : output.stderr).trim().slice(-SAID);
  const command = argv.map((word) => (word.includes('\n') ? '…' : word)).join(' ');
  return new AmbitError(code, `${command}: ${what}${said === '' ? '' : `: ${said}`}`, { source: 'system' });
}
