/**
 * Flags of Node for the processes of proxies. A proxy allocates little and its data threads have limits of their own, so that
 * a small young generation and one helper thread of V8 cost no speed and save about 6 MB; baseline code that is used no
 * more is dropped like bytecode.
 */
export const PROXY_RUNTIME_FLAGS: readonly string[] = [
  '--max-semi-space-size=2',
  '--v8-pool-size=1',
  '--flush-baseline-code',
];

/** Their environment. Threads that allocate little share the arenas of the C library. */
export const PROXY_RUNTIME_ENVIRONMENT: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '2' };
