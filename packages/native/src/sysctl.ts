import { readFileSync, writeFileSync } from 'node:fs';
import { AmbitError, messageOf } from '@ambit/core/errors';

/**
 * `net.ipv4.tcp_migrate_req` and the like. Names under `net` belong to the network namespace of the calling thread: call
 * within `inNamespace` for a pod's.
 */
export function readSysctl(name: string): string {
  try {
    return readFileSync(pathOf(name), 'latin1').trim();
  } catch (error) {
    throw new AmbitError('AMBIT_SYSCTL', `cannot read ${name}: ${messageOf(error)}`, {
      source: 'system',
      cause: error,
    });
  }
}

/** Throws `AMBIT_SYSCTL`: the kernel lacks it, or /proc/sys is mounted read-only (as in an unprivileged container). */
export function writeSysctl(name: string, value: string): void {
  try {
    writeFileSync(pathOf(name), value);
  } catch (error) {
    throw new AmbitError('AMBIT_SYSCTL', `cannot set ${name}=${value}: ${messageOf(error)}`, {
      source: 'system',
      cause: error,
    });
  }
}

/** A part of a name may hold dots itself, as interface names do: it is written with a slash instead, as sysctl(8) has it. */
function pathOf(name: string): string {
  if (!/^[a-z0-9_]+(\.[A-Za-z0-9_/-]+)+$/.test(name) || name.includes('..'))
    throw new AmbitError('AMBIT_SYSCTL', `${name} is not a sysctl`);
  return `/proc/sys/${name.replace(/[./]/g, (separator) => (separator === '.' ? '/' : '.'))}`;
}
