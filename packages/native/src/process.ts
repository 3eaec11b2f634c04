import { readFileSync } from 'node:fs';
import { AmbitError } from '@ambit/core/errors';
import { throwErrno } from './errno.ts';
import { libc } from './internal/library.ts';
import { LEDGER_DESCRIPTORS } from './limits.ts';
import { allocate } from './memory.ts';

// prctl is variadic in C; see descriptor.ts.
const prctl = libc('prctl', 'int', ['int', 'uint64_t']);
const getrlimit = libc('getrlimit', 'int', ['int', 'uintptr_t']);
const setrlimit = libc('setrlimit', 'int', ['int', 'uintptr_t']);
const pidfdOpenCall = libc('syscall', 'int', ['int64_t', 'int', 'uint32_t']);

const PR_SET_PDEATHSIG = 1;
const RLIMIT_NOFILE = 7;
/** The same number on every architecture (Linux 5.3). */
const SYS_PIDFD_OPEN = 434;

const limits = allocate(16);

/** The bits of linux/capability.h that the mesh knows. */
const CAPABILITIES = { CAP_NET_BIND_SERVICE: 10, CAP_NET_ADMIN: 12, CAP_NET_RAW: 13, CAP_SYS_ADMIN: 21 } as const;
export type Capability = keyof typeof CAPABILITIES;

/** The capabilities among the known ones that the calling thread can use. */
export function effectiveCapabilities(): ReadonlySet<Capability> {
  const match = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/thread-self/status', 'latin1'));
  if (match?.[1] === undefined)
    throw new AmbitError('AMBIT_CAPABILITIES', '/proc/thread-self/status names no CapEff', { source: 'system' });
  // The known bits are all among the lower 32.
  const bits = Number.parseInt(match[1].slice(-8), 16);
  const names = Object.keys(CAPABILITIES) as Capability[];
  return new Set(names.filter((name) => (bits & (1 << CAPABILITIES[name])) !== 0));
}

/**
 * Sets the limit of open files to the hard limit, or to what the ledger can hold if that is less.
 * The runtime may have set a higher one at its start; the kernel hands out the lowest numbers first.
 */
export function raiseOpenFileLimit(): void {
  if (getrlimit(RLIMIT_NOFILE, limits.address) < 0) throwErrno('getrlimit', 'RLIMIT_NOFILE');
  const hard = Number(limits.bytes.readBigUInt64LE(8));
  const wanted = Math.min(hard, LEDGER_DESCRIPTORS);
  limits.bytes.writeBigUInt64LE(BigInt(wanted), 0);
  if (setrlimit(RLIMIT_NOFILE, limits.address) < 0) throwErrno('setrlimit', `RLIMIT_NOFILE=${wanted}`);
}

/** The limit of open files in force now; somebody may have changed it from outside (prlimit(1)). */
export function openFileLimit(): number {
  if (getrlimit(RLIMIT_NOFILE, limits.address) < 0) throwErrno('getrlimit', 'RLIMIT_NOFILE');
  return Math.min(Number(limits.bytes.readBigUInt64LE(0)), LEDGER_DESCRIPTORS);
}

/**
 * Makes the kernel send `signal` to this process when its parent dies: more exactly, the thread of the parent that
 * started it. A parent that is dead already sends nothing, so compare `process.ppid` afterwards.
 */
export function setParentDeathSignal(signal: number): void {
  if (prctl(PR_SET_PDEATHSIG, signal) < 0) throwErrno('prctl', `PR_SET_PDEATHSIG=${signal}`);
}

/** A descriptor that becomes readable when the process ends. */
export function openProcess(pid: number): number {
  const fd = pidfdOpenCall(SYS_PIDFD_OPEN, pid, 0);
  return fd < 0 ? throwErrno('pidfd_open', String(pid)) : fd;
}

const mallocTrim = libc('malloc_trim', 'int', ['uint64_t']);

/** Gives the free memory of the C library's heap, in all its arenas, back to the system (malloc_trim(3)). */
export function trimHeap(): void {
  mallocTrim(0);
}
