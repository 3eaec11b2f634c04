import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import type { Clock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { bareEnvironment } from './environment.ts';
import { identityOf, isAlive } from './process-identity.ts';

/** What waits as process 1 of a set of namespaces, and buries what its processes leave. All end with it. */
const FIRST_PROCESS = 'while :; do sleep 2147483647; done';

/** Enters control groups and goes on. Arguments: the files, separated by spaces; the command. */
const ENTER_CGROUPS = 'for file in $1; do echo 0 >"$file" || exit 125; done; shift; exec "$@"';

/** Goes to a folder, where there is one, and runs a command. */
const COMMAND = 'cd "$1" 2>/dev/null || cd /; shift; exec "$@"';

/** Starts a command that outlives its starter, in a session of its own. Arguments: log file, command. */
const PROGRAM = 'log=$1; shift; setsid "$@" </dev/null >>"$log" 2>&1 &';

/** Kinds of namespaces, in the words of nsenter and unshare. */
const CLUSTER_KINDS = ['net', 'pid', 'mount', 'uts', 'ipc'];
const NODE_KINDS = [...CLUSTER_KINDS, 'cgroup'];

/** How long a new set of namespaces may take to come, or a killed one to go, and between two looks; milliseconds. */
const PATIENCE_MS = 15_000;
const LOOK_MS = 20;

/** Which namespaces: those of a cluster or, with `node`, of one node in it. */
export interface NamespaceName {
  /** Folder of what the cluster writes. */
  readonly state: string;
  readonly node?: string;
}

function firstProcess({ state, node }: NamespaceName): string[] {
  return ['sh', '-c', FIRST_PROCESS, 'ambit-cluster', state, node === undefined ? 'cluster' : `node-${node}`];
}

/** Process numbers of this machine (as seen from here). */
function processes(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number);
}

function argvOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

/**
 * Process 1 of the namespaces, undefined when there are none. It is told by its whole command line, in which the folder
 * stands: no file with a number can go stale, and no later process be taken for it.
 */
export function findNamespaces(name: NamespaceName): number | undefined {
  const wanted = firstProcess(name).join('\0');
  return processes().find((pid) => argvOf(pid).join('\0') === wanted);
}

/** Like `findNamespaces`. Throws `AMBIT_CLUSTER_DOWN` when there are none. */
export function namespacesOf(name: NamespaceName): number {
  const pid = findNamespaces(name);
  if (pid !== undefined) return pid;
  const what = name.node === undefined ? 'the cluster does not run' : `node ${name.node} does not run`;
  throw new AmbitError('AMBIT_CLUSTER_DOWN', `${what} (npm run cluster:up)`, { source: 'configuration' });
}

/** A command line that runs `argv` in existing namespaces; `cgroups`: files by which it enters control groups first. */
export function entering(
  name: NamespaceName,
  argv: readonly string[],
  { cgroups = [], kinds }: { readonly cgroups?: readonly string[]; readonly kinds?: readonly string[] } = {},
): string[] {
  const all = kinds ?? (name.node === undefined ? CLUSTER_KINDS : NODE_KINDS);
  const enter = ['nsenter', '--target', String(namespacesOf(name)), ...all.map((kind) => `--${kind}`), '--', ...argv];
  return cgroups.length === 0 ? enter : ['sh', '-c', ENTER_CGROUPS, 'sh', cgroups.join(' '), ...enter];
}

/** Ends what is run when the thread that started it ends, however that happens. */
const ATTENDED = ['setpriv', '--pdeathsig', 'KILL', '--'];

/** A command line that runs a command in namespaces for a caller that waits, and that ends when the caller does. */
export function attended(
  name: NamespaceName,
  argv: readonly string[],
  { directory, cgroups = [] }: { readonly directory: string; readonly cgroups?: readonly string[] },
): string[] {
  const command = ['sh', '-c', COMMAND, 'sh', directory, ...ATTENDED, ...argv];
  return [...ATTENDED, ...entering(name, command, { cgroups })];
}

/** A command line that starts a program and returns at once; the program belongs to the namespaces. */
export function programIn(log: string, argv: readonly string[]): string[] {
  return ['sh', '-c', PROGRAM, 'sh', log, ...argv];
}

/** Makes the namespaces of a cluster; they stay when this process ends. Resolves when they can be entered. */
export async function makeClusterNamespaces(name: NamespaceName, log: string, clock: Clock): Promise<void> {
  const out = openSync(log, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn('unshare', unsharing(CLUSTER_KINDS, name), {
      stdio: ['ignore', out, out],
      detached: true,
      env: bareEnvironment([]),
    });
  } finally {
    closeSync(out);
  }
  child.on('error', () => undefined);
  child.unref();
  await appears(name, log, clock);
}

/** Arguments of unshare for a new set of namespaces. */
export function unsharing(kinds: readonly string[], name: NamespaceName): string[] {
  return ['--fork', '--kill-child', ...kinds.map((kind) => `--${kind}`), '--', ...firstProcess(name)];
}

/** A command line that makes the namespaces of a node inside those of its cluster. */
export function makingNode(state: string, node: string, log: string, cgroups: readonly string[]): string[] {
  const make = ['unshare', ...unsharing(NODE_KINDS, { state, node })];
  return entering({ state }, programIn(log, make), { cgroups });
}

/** Resolves when the namespaces can be entered. Rejects with `AMBIT_CLUSTER_NOT_READY` and the end of `log`. */
export async function appears(name: NamespaceName, log: string, clock: Clock): Promise<void> {
  for (let waited = 0; findNamespaces(name) === undefined; waited += LOOK_MS) {
    if (waited > PATIENCE_MS) {
      const said = readFileSync(log, 'utf8').trim().slice(-500);
      throw new AmbitError('AMBIT_CLUSTER_NOT_READY', `namespaces cannot be made: ${said}`, { source: 'system' });
    }
    await new Promise<void>((resolve) => clock.setTimeout(resolve, LOOK_MS));
  }
}

/** Ends all processes in the namespaces, and with them the namespaces. Does nothing when there are none. */
export async function destroyNamespaces(name: NamespaceName, clock: Clock): Promise<void> {
  const pid = findNamespaces(name);
  const first = pid === undefined ? undefined : identityOf(pid);
  if (first === undefined) return;
  // The kernel lets process 1 end after all others did.
  for (let waited = 0; isAlive(first); waited += LOOK_MS) {
    if (waited > PATIENCE_MS) {
      throw new AmbitError('AMBIT_CLUSTER_LEFTOVER', `process ${first.pid} does not end`, { source: 'system' });
    }
    signal(first.pid, 'SIGKILL');
    await new Promise<void>((resolve) => clock.setTimeout(resolve, LOOK_MS));
  }
}

/** Does nothing when the process ended meanwhile. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone.
  }
}

/** Processes in the namespaces themselves (not in those of nodes or pods), and the names of the programs they are. */
export function programsIn(namespaces: NamespaceName): { readonly pid: number; readonly name: string }[] {
  const own = namespaceOf(namespacesOf(namespaces));
  return processes()
    .filter((pid) => namespaceOf(pid) === own)
    .map((pid) => ({ pid, name: argvOf(pid)[0]?.split('/').at(-1) ?? '' }));
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}
