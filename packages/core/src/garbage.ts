import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Collects this thread's garbage, and gives its memory back to the system. Until it returns the thread stands still: 20 to 35 ms
 * for 10 MiB in use.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (how: { type: string; execution: string; flavor: string }) => void;
  // The one that also gives pages back: repeated until it frees no more, at least twice.
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
