import { spawnSync } from 'node:child_process';
import { AmbitError } from '@ambit/core/errors';

/** Longest time that one call of `nft` or `ip` may take, in milliseconds: they wait for a kernel lock, never for a peer. */
export const TOOL_TIMEOUT_MS: number = 10_000;

/** Programs of the distribution and the Debian packages that bring them. */
export const DEBIAN_PACKAGES: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  mount: 'mount',
  nft: 'nftables',
  setpriv: 'util-linux',
  unshare: 'util-linux',
};

// Ordinary users often lack the administrator's folders in their PATH.
const TOOL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface ToolRun {
  /** What the program reads on standard input. */
  readonly input?: string;
  /** Lines of standard error that are no failure, e.g. that what is to be added is there already. */
  readonly harmless?: RegExp;
  /** For the error message: what was being done, e.g. `write the rules of pod shop/web`. */
  readonly purpose: string;
}

/**
 * Runs a tool to its end in the calling thread's network namespace and returns its standard output.
 * Throws `AMBIT_TOOL_MISSING` (with the Debian package), `AMBIT_TOOL_DENIED` (privileges) or `AMBIT_TOOL`.
 */
export function runTool(program: string, parameters: readonly string[], run: ToolRun): string {
  const result = spawnSync(program, parameters, {
    input: run.input ?? '',
    encoding: 'utf8',
    env: { PATH: TOOL_PATH, LC_ALL: 'C' },
    timeout: TOOL_TIMEOUT_MS,
    maxBuffer: 64 << 20,
  });
  const system = { source: 'system' } as const;
  const code = result.error !== undefined && 'code' in result.error ? result.error.code : undefined;
  // A program that gives up before it has read its input (EPIPE) says why by its status and standard error.
  if (result.error !== undefined && (code !== 'EPIPE' || result.status === null)) {
    if (code === 'ENOENT') {
      const from = DEBIAN_PACKAGES[program];
      const hint = from === undefined ? '' : `; it comes with the Debian package ${from}`;
      throw new AmbitError(
        'AMBIT_TOOL_MISSING',
        `cannot ${run.purpose}: the program ${program} is not installed${hint}`,
        system,
      );
    }
    throw new AmbitError('AMBIT_TOOL', `cannot ${run.purpose}: ${program}: ${result.error.message}`, {
      ...system,
      cause: result.error,
    });
  }
  if (result.status === 0) return result.stdout;
  const complaints = result.stderr
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('Command failed -:') && run.harmless?.test(line) !== true);
  if (complaints.length === 0 && run.harmless !== undefined) return result.stdout;
  const said = complaints.slice(0, 6).join('; ');
  if (/Operation not permitted|Permission denied/.test(said)) {
    throw new AmbitError(
      'AMBIT_TOOL_DENIED',
      `cannot ${run.purpose}: ${program} may not change this network namespace (${said}); it needs CAP_NET_ADMIN in the user namespace that owns it`,
      system,
    );
  }
  throw new AmbitError(
    'AMBIT_TOOL',
    `cannot ${run.purpose}: ${program} ended with ${result.status ?? result.signal ?? 'nothing'}: ${said}`,
    system,
  );
}
