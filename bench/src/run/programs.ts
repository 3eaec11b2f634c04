import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AmbitError } from '@ambit/core/errors';
import { siblingModule } from '@ambit/core/sibling-module';
import type { BedPod } from '@ambit/local/bed/pod';
import { processTree } from '../usage/process-tree.ts';

/** How long a program may take to say that it is there, in milliseconds. */
const GRACE_MS = 45_000;
const POLL_MS = 50;

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
export async function widenPorts(pod: BedPod): Promise<void> {
  const settings = [
    'echo 20000 65000 > /proc/sys/net/ipv4/ip_local_port_range',
    'echo 1 > /proc/sys/net/ipv4/tcp_tw_reuse',
  ];
  const { code, stderr } = await pod.run(['sh', '-c', settings.join(' && ')]);
  if (code !== 0) throw new AmbitError('AMBIT_BENCH_SYSCTL', stderr.trim());
}
