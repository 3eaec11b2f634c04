/** One run of vitest over some of its projects, counted. */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { foreground } from './foreground.mjs';
import { inTree } from './namespace-tree.mjs';
import { ROOT } from './runtime.mjs';

/** In continuous integration a test or a tier that did not run counts as failed. */
export const strict = process.env.CI === 'true';

/** What a failed test said, as far as it helps to read it far from its context. */
const FAILURE_LINES = 6;

function said({ failureMessages }) {
  const lines = failureMessages.join('\n').split('\n');
  return lines
    .filter((line) => line.trim() !== '')
    .slice(0, FAILURE_LINES)
    .join('\n  ');
}

/** Counts from vitest's JSON report; a file that does not even load counts as one failure. */
function readReport(path, exitCode) {
  let report;
  try {
    report = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, failures: ['the runner left no report'] };
  }
  const failures = [];
  const unsteady = [];
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const skipped = tests.filter(({ status }) => status !== 'passed' && status !== 'failed');
  for (const test of skipped) {
    if (strict) failures.push(`${test.fullName}: was not run`);
    else console.log(`NOT RUN: ${test.fullName}`);
  }
  for (const file of report.testResults) {
    for (const test of file.assertionResults) {
      const named = `${relative(ROOT, file.name)}: ${test.fullName}\n  ${said(test)}`;
      if (test.status === 'failed') failures.push(named);
      else if (test.status === 'passed' && test.failureMessages.length > 0) unsteady.push(named);
    }
  }
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  );
  for (const file of broken) failures.push(`${relative(ROOT, file.name)}: did not run to its end`);
  let failed = report.numFailedTests + broken.length + (strict ? skipped.length : 0);
  // Errors outside of any test (an unobserved rejection) show in the exit code alone.
  if (exitCode !== 0 && failed === 0) {
    failed = 1;
    failures.push(`an error outside of every test (the runner ended with ${exitCode})`);
  }
  return { passed: report.numPassedTests, failed, failures, unsteady };
}

/** Interoperability is part of these tiers, and needs a peer. */
function withoutPeer(tiers, filters, count) {
  const concerned = filters.length === 0 && tiers.some((tier) => tier === 'netns' || tier === 'cluster');
  if (!concerned || (process.env.AMBIT_PEER_ZTUNNEL ?? '') !== '') return count;
  const notRun = 'the tests with the stock ztunnel: were not run, because AMBIT_PEER_ZTUNNEL does not name one';
  if (strict) return { ...count, failed: count.failed + 1, failures: [...count.failures, notRun] };
  console.log(`NOT RUN: ${notRun}`);
  return count;
}

/**
 * Runs the tests of `tiers` (projects of vitest.config.ts) whose files match `filters`; `folder` takes the report, `tree`
 * says whether they get namespaces of their own.
 * @param {readonly string[]} tiers
 * @param {readonly string[]} filters
 * @param {{ folder: string, tree?: boolean }} options
 */
export async function runTiers(tiers, filters, { folder, tree = false }) {
  const report = join(folder, `${tiers.join('-')}.json`);
  const vitest = [
    ...[join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...filters],
    ...tiers.flatMap((tier) => ['--project', tier]),
    ...['--reporter=default', '--reporter=json', `--outputFile.json=${report}`, '--passWithNoTests'],
  ];
  const { file, rest } = tree ? inTree([process.execPath, ...vitest]) : { file: process.execPath, rest: vitest };
  const exitCode = await foreground(file, rest, { cwd: ROOT, kill: tree });
  const count = withoutPeer(tiers, filters, readReport(report, exitCode));
  if (count.passed + count.failed === 0 && filters.length === 0) {
    return { passed: 0, failed: 1, failures: [`no test in ${tiers.join(', ')}`] };
  }
  return count;
}
