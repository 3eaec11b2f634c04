import { setFlagsFromString } from 'node:v8';

/**
 * Flags of Node for the processes of proxies. The main thread allocates little, so that a small young generation (in MiB)
 * and one helper thread of V8 cost no speed and save about 7 MB; baseline code that is used no more is dropped like
 * bytecode.
 */
export const PROXY_RUNTIME_FLAGS: readonly string[] = [
  '--max-semi-space-size=1',
  '--v8-pool-size=1',
  '--flush-baseline-code',
];

/** Their environment. Threads that allocate little share the arenas of the C library. */
export const PROXY_RUNTIME_ENVIRONMENT: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '2' };

/**
 * Lets threads that are made from now on have the young generation of their `resourceLimits`, which the flag for the main
 * thread would overrule. V8 reads it when a heap is made and at no other time.
 */
export function freeThreadsOfMainThreadLimits(): void {
  setFlagsFromString('--max-semi-space-size=0');
}
