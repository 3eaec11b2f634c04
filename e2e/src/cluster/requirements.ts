import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { AmbitError } from '@ambit/core/errors';
import { type Environment, withPath } from './environment.ts';
import { inotifyProblem } from './inotify.ts';
import { missingPrograms } from './parts/tools.ts';

/** capabilities(7): what a cluster's first process needs, by bit. */
const CAPABILITIES: Readonly<Record<string, number>> = {
  CAP_NET_ADMIN: 12,
  CAP_SYS_CHROOT: 18,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_MKNOD: 27,
};

/** Throws `AMBIT_CLUSTER_MACHINE` with everything that keeps a cluster from running on this machine, and what to do. */
export function requireMachine(environment: Environment, nodes: number): void {
  const problems = machineProblems(environment, nodes);
  if (problems.length === 0) return;
  const elsewhere = 'A cluster of another kind serves as well: KUBECONFIG=FILE npm run test:cluster';
  throw new AmbitError('AMBIT_CLUSTER_MACHINE', [...problems, elsewhere].join('\n'), { source: 'system' });
}

function machineProblems(environment: Environment, nodes: number): string[] {
  if (process.platform !== 'linux') return [`a cluster needs Linux, this is ${process.platform}`];
  if (process.getuid?.() !== 0) {
    return ['a cluster needs root: run the same command as root, e.g. sudo --preserve-env=PATH npm run cluster:up'];
  }
  if (!/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'))) {
    return [
      'this is root of a user namespace only: a cluster needs control groups and devices, and so root of the machine',
    ];
  }
  const lacking = missingCapabilities();
  if (lacking.length > 0) {
    return [`root lacks ${lacking.join(', ')} here: a container must be started with --privileged`];
  }
  const missing = missingPrograms(environment);
  if (missing.length > 0) return missing;
  const { status, stderr } = spawnSync('unshare', ['--net', 'nft', 'list', 'tables'], {
    encoding: 'utf8',
    env: withPath(environment, []),
  });
  if (status !== 0) {
    return [
      `nftables does not work here (${stderr.trim()}): the kernel module nf_tables is missing or may not be loaded`,
    ];
  }
  const problem = inotifyProblem(nodes);
  return problem === undefined ? [] : [problem];
}

function missingCapabilities(): string[] {
  const mask = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const held = BigInt(`0x${mask}`);
  return Object.entries(CAPABILITIES)
    .filter(([, bit]) => ((held >> BigInt(bit)) & 1n) === 0n)
    .map(([name]) => name);
}
