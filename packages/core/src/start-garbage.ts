import { setFlagsFromString } from 'node:v8';
import { collectGarbage } from './garbage.ts';

/** When a thread collects what its start has left on the heap, milliseconds after it. */
export const START_GARBAGE_AFTER = 2_000;

/** V8 drops the bytecode of a function that was not called for so many collections: its default, and for the moment. */
const BYTECODE_AGE = 6;
const BYTECODE_AGE_AT_START = 1;

/**
 * Collects what loading and starting have left on this thread's heap, and gives the memory back. V8 does so only under
 * pressure, which an idle process never has: its start would be paid for as long as it lives.
 * With `code` also the code that only ran at the start; that takes more time (some 20 ms), so not on a loop that serves
 * traffic. Flags hold for all threads of the process, which may be collecting at this moment: the age is a number that
 * collections compare with and nothing more. No flag that changes how they work may be set here (V8 crashes).
 */
export function collectStartGarbage(options: { readonly code: boolean }): void {
  if (options.code) setFlagsFromString(`--bytecode-old-age=${BYTECODE_AGE_AT_START}`);
  // It goes over the heap at least twice: the second time finds the code that the first has let age.
  collectGarbage();
  if (options.code) setFlagsFromString(`--bytecode-old-age=${BYTECODE_AGE}`);
}
