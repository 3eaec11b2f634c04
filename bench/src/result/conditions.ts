import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

/** Under what the figures were taken: without it they mean nothing. */
export interface Conditions {
  readonly date: string;
  /** Commit of the sources, with `+` when the work tree differs from it. */
  readonly commit: string;
  readonly kernel: string;
  readonly cpus: { readonly model: string; readonly count: number };
  readonly memoryGiB: number;
  readonly node: string;
  readonly openssl: string;
  readonly threadsPerProxy: number;
  readonly pinning: string;
  /** What holds for all, and the suite and group that each subject's proxies agreed on. */
  readonly tls: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly subjects: readonly string[];
  /** SHA-256 of the peer's binary. */
  readonly peer: string | null;
  /** What the peer's binary says of itself. */
  readonly peerVersion?: string;
  /** Where the access logs go. */
  readonly accessLog: string;
  /** Windows that were kept although something else kept the machine busy right before or after. */
  readonly noisyWindows: number;
  /** Load average of the last minute, before and after. */
  readonly load: { readonly before: number; readonly after: number };
  /** Median latency in microseconds without proxies, by measure, and how far it moved. */
  readonly baseline: Readonly<Record<string, { readonly median: number; readonly spread: number }>>;
}

export function currentLoad(): number {
  return loadavg()[0] ?? Number.NaN;
}

/** What the machine and the sources say of themselves. */
export function machineConditions(
  root: string,
): Pick<Conditions, 'commit' | 'kernel' | 'cpus' | 'memoryGiB' | 'node' | 'openssl'> {
  const processors = cpus();
  return {
    commit: commitOf(root),
    kernel: release(),
    cpus: { model: processors[0]?.model ?? 'unknown', count: processors.length },
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    openssl: process.versions.openssl,
  };
}

export function digestOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function commitOf(root: string): string {
  const git = (...rest: string[]): string =>
    execFileSync('git', ['-c', 'safe.directory=*', '-C', root, ...rest], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    return (
      git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+')
    );
  } catch {
    return 'unknown';
  }
}
