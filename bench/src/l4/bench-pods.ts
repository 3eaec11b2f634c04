import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type SocketAddress, formatSocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import { siblingModule } from '@ambit/core/sibling-module';
import type { Bed } from '@ambit/local/bed/bed';
import type { BedPod } from '@ambit/local/bed/pod';
import type { LoadReport } from '../load/window.ts';
import { processTree } from '../usage/process-tree.ts';
import type { HeldConnections } from '../run/stand.ts';

/** Which processor the client's and the server's node have to themselves. */
export const CLIENT_CPU = 0;
export const SERVER_CPU = 1;

export const ECHO_PORT = 8080;
export const SINK_PORT = 5201;

/** Namespace of the pods. */
export const BENCH_NAMESPACE = 'bench';

/** How long a program may take beyond its warm-up and window, in milliseconds. */
const GRACE_MS = 45_000;
const POLL_MS = 50;

/** The client pod on the one node and the server pod, with its servers running, on the other. */
export class BenchPods {
  readonly client: BedPod;
  readonly server: BedPod;

  static async start(bed: Bed): Promise<BenchPods> {
    const addresses = [`0.0.0.0:${ECHO_PORT}`, `0.0.0.0:${SINK_PORT}=sink`];
    const server = await bed.node('b').pod({
      name: 'server',
      namespace: BENCH_NAMESPACE,
      command: pinned(SERVER_CPU, nodeProgram('../serve/main'), ...addresses),
    });
    const client = await bed.node('a').pod({ name: 'client', namespace: BENCH_NAMESPACE });
    for (const pod of [client, server]) await widenPorts(pod);
    return new BenchPods(client, server);
  }

  private constructor(client: BedPod, server: BedPod) {
    this.client = client;
    this.server = server;
  }

  /** Runs the generator in the client pod to its end. */
  async load(shape: string, options: Readonly<Record<string, string | number>>): Promise<LoadReport> {
    const rest = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const command = pinned(CLIENT_CPU, nodeProgram('../load/main'), shape, ...rest);
    const timeout = Number(options['warmUp'] ?? 0) + Number(options['measure'] ?? 0) + GRACE_MS;
    const { code, stdout, stderr } = await this.client.run(command, { timeout });
    if (code !== 0) throw new AmbitError('AMBIT_BENCH_LOAD', `${shape}: ${stderr.trim() || `exit code ${code}`}`);
    return JSON.parse(stdout) as LoadReport;
  }

  /** Connections accepted in the server pod: one per tunnel connection and one per connection to the server itself. */
  async accepted(): Promise<number> {
    const { stdout } = await this.server.run(['cat', '/proc/net/snmp']);
    return passiveOpens(stdout);
  }

  async hold(target: SocketAddress, connections: number): Promise<HeldConnections> {
    const rest = ['--target', formatSocketAddress(target), '--connections', String(connections)];
    const holder = this.client.start(pinned(CLIENT_CPU, nodeProgram('../load/main'), 'hold', ...rest));
    await logSays(holder, '"held"');
    return {
      release: async () => {
        holder.kill();
        await holder.exited;
      },
    };
  }
}

/** The counter of RFC 4022 in the kernel's two lines of names and values. */
export function passiveOpens(snmp: string): number {
  const [names = [], values = []] = snmp
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '));
  return Number(values[names.indexOf('PassiveOpens')]);
}

/** A command that runs on one processor alone. */
export function pinned(cpu: number, ...command: readonly string[]): string[] {
  return ['taskset', '-c', String(cpu), process.execPath, ...command];
}

/** Path of a program of the benchmark, compiled or not like this file. */
export function nodeProgram(sibling: string): string {
  return fileURLToPath(siblingModule(import.meta.url, sibling));
}

/** Moves a process with all threads and children to one processor; returns the process ids. */
export function pin(pid: number, cpu: number): number[] {
  const pids = processTree(pid);
  for (const one of pids) execFileSync('taskset', ['-a', '-p', '-c', String(cpu), String(one)], { stdio: 'ignore' });
  return pids;
}

/** Resolves when the log of a process holds `text`. Throws when it ends or takes too long. */
export async function logSays(
  started: { readonly log: string; readonly running: boolean },
  text: string,
): Promise<void> {
  for (let waited = 0; waited < GRACE_MS; waited += POLL_MS) {
    const log = readFileSync(started.log, 'utf8');
    if (log.includes(text)) return;
    if (!started.running) throw new AmbitError('AMBIT_BENCH_PROGRAM', `ended at once: ${log.trim()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new AmbitError('AMBIT_BENCH_PROGRAM', `${started.log} does not say ${text}`);
}

/** Thousands of short connections per second need ports, and those of finished ones again soon. */
async function widenPorts(pod: BedPod): Promise<void> {
  const settings = [
    'echo 20000 65000 > /proc/sys/net/ipv4/ip_local_port_range',
    'echo 1 > /proc/sys/net/ipv4/tcp_tw_reuse',
  ];
  const { code, stderr } = await pod.run(['sh', '-c', settings.join(' && ')]);
  if (code !== 0) throw new AmbitError('AMBIT_BENCH_SYSCTL', stderr.trim());
}
