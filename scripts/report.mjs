/**
 * `failures`: what failed and what it said, for a reader who has only the end of the output. `unsteady`: the same of what
 * failed first and passed when it was tried again.
 * @typedef {{ passed: number, failed: number, failures?: readonly string[], unsteady?: readonly string[] }} Count
 */

/** @param {readonly Count[]} counts @returns {Count} */
export function sum(counts) {
  return {
    passed: counts.reduce((total, { passed }) => total + passed, 0),
    failed: counts.reduce((total, { failed }) => total + failed, 0),
    failures: counts.flatMap(({ failures }) => failures ?? []),
    unsteady: counts.flatMap(({ unsteady }) => unsteady ?? []),
  };
}

/**
 * Prints what failed, and then the one line that scripts read, last and alone, and sets the exit code that agrees with it.
 * A run in which nothing passed proves nothing and is a failure.
 * @param {Count} count
 */
export function conclude(count) {
  for (const test of count.unsteady ?? []) console.log(`\nUNSTEADY: ${test}`);
  for (const failure of count.failures ?? []) console.log(`\nFAILED: ${failure}`);
  console.log(`\n${count.passed} passed, ${count.failed} failed`);
  process.exitCode = count.failed > 0 || count.passed === 0 ? 1 : 0;
}
