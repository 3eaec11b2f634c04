import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { AmbitError, messageOf } from '@ambit/core/errors';

/** A setting below `/proc/sys` and the value it must have. */
export interface Sysctl {
  readonly path: string;
  readonly value: string;
  readonly why: string;
}

/** What a pod's namespace needs besides rules and routes. */
export const POD_SYSCTLS: readonly Sysctl[] = [
  {
    path: 'net/ipv4/tcp_migrate_req',
    value: '1',
    why: 'connections queued on a closing listener move to the one that a successor opened (Linux 5.14)',
  },
];

/**
 * Sets what differs, in the calling thread's network namespace. Throws `AMBIT_CAPTURE_SYSCTL`.
 * @param proc where a writable proc file system is mounted; in a container that is the host's, not `/proc`.
 */
export function applySysctls(sysctls: readonly Sysctl[], proc: string): void {
  for (const { path, value, why } of sysctls) {
    try {
      const file = `${proc}/sys/${path}`;
      // A kernel that is too old for it does without; the proxy says what that costs.
      if (!existsSync(file) && existsSync(`${proc}/sys/${dirname(path)}`)) continue;
      if (readFileSync(file, 'latin1').trim() !== value) writeFileSync(file, value);
    } catch (error) {
      throw new AmbitError('AMBIT_CAPTURE_SYSCTL', `cannot set ${path} to ${value} (${why}): ${messageOf(error)}`, {
        source: 'system',
        cause: error,
      });
    }
  }
}

/** Whether the loopback interface of the calling thread's network namespace speaks IPv6. */
export function loopbackHasIpv6(proc: string): boolean {
  try {
    return readFileSync(`${proc}/sys/net/ipv6/conf/lo/disable_ipv6`, 'latin1').trim() === '0';
  } catch {
    // A kernel without IPv6 has no such file.
    return false;
  }
}
