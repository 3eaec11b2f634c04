/** @typedef {{ passed: number, failed: number }} Count */

/** @param {readonly Count[]} counts @returns {Count} */
export function sum(counts) {
  return counts.reduce((a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed }), {
    passed: 0,
    failed: 0,
  });
}

/**
 * Prints the one line that scripts read, last and alone, and sets the exit code that agrees with it.
 * A run in which nothing passed proves nothing and is a failure.
 * @param {Count} count
 */
export function conclude(count) {
  console.log(`\n${count.passed} passed, ${count.failed} failed`);
  process.exitCode = count.failed > 0 || count.passed === 0 ? 1 : 0;
}
