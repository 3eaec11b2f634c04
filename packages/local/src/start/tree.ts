import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@ambit/core/clock';

/** Tells the program that it runs inside the tree, and where its files go. */
export const RUN_DIRECTORY_VARIABLE = 'AMBIT_RUN_DIRECTORY';

/** Inherited by the program inside: its end says that the tree has to end. */
export const END_DESCRIPTOR = 3;

/** One new namespace of each kind; when its first process ends, the kernel ends all others and takes everything away. */
const TREE = ['--user', '--map-root-user', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

/** The first process brings loopback up and reaps orphans, which Node does not do. */
const FIRST_PROCESS = 'ip link set lo up && "$@"; exit $?';

/** nft and ip are there on distributions that keep them out of an ordinary user's PATH. */
const SYSTEM_PROGRAMS = '/usr/local/sbin:/usr/sbin:/sbin';

/** How long the program inside may take to end by itself, in milliseconds. */
const END_DEADLINE = 20_000;

/**
 * Runs a program inside a new tree of user, network, mount and process namespaces, as root there whoever calls it, and
 * resolves with its exit code. The first Ctrl-C (or SIGTERM, SIGHUP) asks it to end, the second one cuts everything.
 * Afterwards nothing is left: no process, no namespace, no rule, and no file, as the run directory goes too.
 */
export async function runInTree(
  command: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'ambit-'));
  try {
    const tree = spawn('unshare', [...TREE, 'sh', '-c', FIRST_PROCESS, 'sh', ...command], {
      stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
      env: {
        ...environment,
        PATH: `${environment['PATH'] ?? ''}:${SYSTEM_PROGRAMS}`,
        [RUN_DIRECTORY_VARIABLE]: directory,
      },
    });
    return await ended(tree, clock);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function ended(tree: ChildProcess, clock: Clock): Promise<number> {
  return new Promise((resolve, reject) => {
    let asked = false;
    const end = (): void => {
      if (asked) {
        tree.kill('SIGKILL');
        return;
      }
      asked = true;
      tree.stdio[END_DESCRIPTOR]?.destroy();
      clock.setTimeout(() => tree.kill('SIGKILL'), END_DEADLINE, { background: true });
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    for (const signal of signals) process.on(signal, end);
    const forget = (): void => {
      for (const signal of signals) process.off(signal, end);
    };
    // The other end closes with the tree; that is no failure.
    tree.stdio[END_DESCRIPTOR]?.on('error', () => undefined);
    tree.once('error', (error) => {
      forget();
      reject(error);
    });
    tree.once('exit', (code, signal) => {
      forget();
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
