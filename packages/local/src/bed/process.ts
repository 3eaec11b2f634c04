import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock, Timer } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { inNamespace } from '@ambit/native/namespace';
import { LOG_CHECK_MS, LOG_FILE_BYTES } from './limits.ts';

/** Where a process runs. */
export interface ProcessPlace {
  /** Descriptor of its network namespace. */
  readonly namespace: number;
  readonly hostname: string;
  /** Files and folders that are mounted over others in a mount namespace of its own, in this order: path -> what is shown there. */
  readonly files: Readonly<Record<string, string>>;
}

export interface ProcessPlan {
  readonly command: readonly string[];
  /** Besides `PATH` and `HOSTNAME`, nothing is inherited. `node` is the runtime that runs this. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Default `/`. */
  readonly directory?: string;
}

export interface Exit {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

/** What a command that ran to its end left. */
export interface RunResult extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The file in /proc/sys would do for the host name too, but only root outside of the tree may write it.
 * Arguments: how many mounts, source and target of each, host name, command. What is to be seen below /run gets a /run of
 * its own when the machine's does not have it (a resolv.conf without systemd-resolved), and volumes always do.
 */
const ENTER = `n=$1; shift
own=
while [ "$n" -gt 0 ]; do
  if [ -d "$1" ] || [ ! -e "$2" ]; then
    at=$(readlink -m "$2")
    case "$at" in /run/*)
      [ -n "$own" ] || mount -t tmpfs tmpfs /run || exit 125
      own=1
      if [ -d "$1" ]; then mkdir -p "$at"; else mkdir -p "\${at%/*}" && : > "$at"; fi
    esac
  fi
  mount --bind "$1" "$2" || exit 125
  shift 2; n=$((n - 1))
done
hostname "$1" 2>/dev/null; shift
exec "$@"`;

/** Starts a command in a network namespace, with its own host name and mounts. Its children live in its process group. */
function start(place: ProcessPlace, plan: ProcessPlan, stdio: StdioOptions): ChildProcess {
  const mounts = Object.entries(place.files).flatMap(([target, source]) => [source, target]);
  const enter = ['--mount', '--uts', 'sh', '-c', ENTER, 'sh', String(mounts.length / 2), ...mounts, place.hostname];
  // The child is forked within the call, so it inherits the namespace that the thread is in at that moment.
  return inNamespace(place.namespace, () =>
    spawn('unshare', [...enter, ...plan.command], {
      cwd: plan.directory ?? '/',
      env: { PATH: `${dirname(process.execPath)}:${SYSTEM_PATH}`, HOSTNAME: place.hostname, ...plan.environment },
      stdio,
      detached: true,
    }),
  );
}

/** A process of a pod, a proxy or the controller. Standard output and error go to a file, interleaved as written. */
export class NamespacedProcess {
  readonly log: string;
  readonly exited: Promise<Exit>;
  readonly #clock: Clock;
  readonly #child: ChildProcess;
  #exit: Exit | undefined;
  #sizeCheck: Timer | undefined;

  constructor(place: ProcessPlace, plan: ProcessPlan, log: string, clock: Clock) {
    this.log = log;
    this.#clock = clock;
    const out = openSync(log, 'a', 0o600);
    try {
      this.#child = start(place, plan, ['ignore', out, out]);
    } finally {
      closeSync(out);
    }
    const child = this.#child;
    this.exited = new Promise((resolve) => {
      const finish = (exit: Exit): void => {
        this.#exit ??= exit;
        this.#sizeCheck?.cancel();
        resolve(this.#exit);
      };
      child.once('error', () => finish({ code: 127, signal: undefined }));
      child.once('exit', (code, signal) => {
        // What it started and left behind goes with it.
        this.#signalGroup('SIGKILL');
        finish({ code: code ?? undefined, signal: signal ?? undefined });
      });
    });
    this.#watchSize();
  }

  /** Undefined when the program could not be started at all. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  /** What the process has written so far, from a byte of its log on. */
  output(from = 0): string {
    return readFileSync(this.log).subarray(from).toString();
  }

  /** Sends a signal to the process alone, not to its children. Does nothing when it has ended. */
  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal);
  }

  /** SIGTERM, and after `grace` milliseconds SIGKILL to it and its children. Idempotent. */
  async stop(grace: number): Promise<Exit> {
    this.signal('SIGTERM');
    const timer = this.#clock.setTimeout(() => this.kill(), grace);
    const exit = await this.exited;
    timer.cancel();
    return exit;
  }

  /** SIGKILL to the process and its children. */
  kill(): void {
    if (this.running) this.#signalGroup('SIGKILL');
  }

  #signalGroup(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch {
      // Nobody of the group is left.
    }
  }

  #watchSize(): void {
    this.#sizeCheck = this.#clock.setTimeout(
      () => {
        const size = statSync(this.log, { throwIfNoEntry: false })?.size ?? 0;
        // The process appends, so it goes on at the new end.
        if (size > LOG_FILE_BYTES) truncateSync(this.log, 0);
        if (this.running) this.#watchSize();
      },
      LOG_CHECK_MS,
      { background: true },
    );
  }
}

/** Runs a command to its end. Rejects with `AMBIT_BED_TIMEOUT` after `timeout` milliseconds; it is killed then. */
export async function runToEnd(
  place: ProcessPlace,
  plan: ProcessPlan,
  clock: Clock,
  timeout: number,
): Promise<RunResult> {
  const child = start(place, plan, ['ignore', 'pipe', 'pipe']);
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return await new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      const said = (stdout + stderr).slice(-500);
      reject(
        new AmbitError(
          'AMBIT_BED_TIMEOUT',
          `${plan.command.join(' ')}: not finished after ${timeout} ms; it said: ${said}`,
        ),
      );
    }, timeout);
    child.once('error', (error) => {
      timer.cancel();
      reject(new AmbitError('AMBIT_BED_SPAWN', `${plan.command.join(' ')}: ${error.message}`, { cause: error }));
    });
    child.once('close', (code, signal) => {
      timer.cancel();
      resolve({ code: code ?? undefined, signal: signal ?? undefined, stdout, stderr });
    });
  });
}
