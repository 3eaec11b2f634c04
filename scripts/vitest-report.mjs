/** What vitest's JSON report says, counted file by file. */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { ROOT } from './runtime.mjs';

/** What a failed test said, as far as it helps to read it far from its context (lines). */
const FAILURE_LINES = 6;

/** @typedef {import('./report.mjs').Count & { name: string }} FileCount */

function shortened(text) {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(0, FAILURE_LINES).join('\n  ');
}

/** A file that does not even load, or whose set-up or end fails, counts as one failure. */
function ofFile({ name, status, message, assertionResults }, strict) {
  const path = relative(ROOT, name);
  const failures = [];
  let passed = 0;
  for (const { status: ending, fullName, failureMessages } of assertionResults) {
    if (ending === 'passed') passed++;
    else if (ending === 'failed') failures.push(`${path}: ${fullName}\n  ${shortened(failureMessages.join('\n'))}`);
    else if (strict) failures.push(`${path}: ${fullName}: was not run`);
    else console.log(`NOT RUN: ${fullName}`);
  }
  const said = message === '' ? '' : `\n  ${shortened(message)}`;
  if (status === 'failed' && failures.length === 0) failures.push(`${path}: did not run to its end${said}`);
  return { name, passed, failed: failures.length, failures, unsteady: [] };
}

/**
 * The counts of each file, and of what belongs to none.
 * @param {string} path
 * @param {number} exitCode of the runner
 * @param {{ strict: boolean }} options `strict`: a test that did not run counts as failed
 * @returns {{ files: FileCount[], rest: import('./report.mjs').Count }}
 */
export function readReport(path, exitCode, { strict }) {
  let report;
  try {
    report = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return { files: [], rest: { passed: 0, failed: 1, failures: ['the runner left no report'] } };
  }
  const files = report.testResults.map((file) => ofFile(file, strict));
  // Errors outside of any test (an unobserved rejection) show in the exit code alone.
  const outside = exitCode !== 0 && files.every(({ failed }) => failed === 0);
  const failures = outside ? [`an error outside of every test (the runner ended with ${exitCode})`] : [];
  return { files, rest: { passed: 0, failed: failures.length, failures } };
}
