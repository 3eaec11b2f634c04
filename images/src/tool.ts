import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AmbitError } from '@ambit/core/errors';

/** Where distributions have programs; ordinary users often lack the administrator's folders in their PATH. */
const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Path of a program of the machine. Throws `AMBIT_IMAGE_MISSING`, which names the Debian package that brings it. */
export function findTool(name: string, debianPackage: string, folders: readonly string[] = FOLDERS): string {
  const folder = folders.find((candidate) => existsSync(join(candidate, name)));
  if (folder !== undefined) return join(folder, name);
  throw new AmbitError(
    'AMBIT_IMAGE_MISSING',
    `the program ${name} is not on this machine; it comes with the Debian package ${debianPackage}`,
    { source: 'configuration' },
  );
}

export interface ToolSettings {
  readonly directory?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Exit codes besides 0 that are an answer. */
  readonly alsoFine?: readonly number[];
}

/** What the program writes to standard output. Throws `AMBIT_IMAGE_TOOL` with what it complains about. */
export function outputOf(file: string, parameters: readonly string[], settings: ToolSettings = {}): string {
  const { status, signal, stdout, stderr, error } = spawnSync(file, parameters, {
    encoding: 'utf8',
    // Nothing of the caller's environment, so that it cannot change what is built.
    env: { PATH: FOLDERS.join(':'), LC_ALL: 'C', ...settings.environment },
    maxBuffer: 64 << 20,
    ...(settings.directory !== undefined && { cwd: settings.directory }),
  });
  if (status !== null && (status === 0 || settings.alsoFine?.includes(status) === true)) return stdout;
  const said = error?.message ?? stderr.trim().split('\n').slice(-6).join('; ');
  throw new AmbitError(
    'AMBIT_IMAGE_TOOL',
    `${[file, ...parameters.slice(0, 3)].join(' ')} ended with ${status ?? signal ?? 'nothing'}: ${said}`,
    { source: 'system' },
  );
}
