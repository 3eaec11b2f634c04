/**
 * `npm test`: builds, then runs the three tiers that need no cluster. Arguments are file filters for vitest;
 * `--tier NAME` (repeatable) chooses among unit, integration and netns.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { foreground } from './foreground.mjs';
import { inTree } from './namespace-tree.mjs';
import { missingPrerequisites } from './prerequisites.mjs';
import { conclude, sum } from './report.mjs';
import { ROOT } from './runtime.mjs';

const TIERS = ['unit', 'integration', 'netns'];
const strict = process.env.CI === 'true';

/** What a failed test said, as far as it helps to read it far from its context. */
const FAILURE_LINES = 6;

/** Counts from vitest's JSON report; a file that does not even load counts as one failure. */
function readReport(path, exitCode) {
  let report;
  try {
    report = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, failures: ['the runner left no report'] };
  }
  const failures = [];
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const skipped = tests.filter(({ status }) => status !== 'passed' && status !== 'failed');
  for (const test of skipped) {
    if (strict) failures.push(`${test.fullName}: was not run`);
    else console.log(`NOT RUN: ${test.fullName}`);
  }
  for (const file of report.testResults) {
    for (const test of file.assertionResults.filter(({ status }) => status === 'failed')) {
      const said = test.failureMessages
        .join('\n')
        .split('\n')
        .filter((line) => line.trim() !== '')
        .slice(0, FAILURE_LINES)
        .join('\n  ');
      failures.push(`${relative(ROOT, file.name)}: ${test.fullName}\n  ${said}`);
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
  return { passed: report.numPassedTests, failed, failures };
}

async function runTiers(tiers, filters, folder) {
  const report = join(folder, `${tiers.join('-')}.json`);
  const vitest = [
    ...[join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...filters],
    ...tiers.flatMap((tier) => ['--project', tier]),
    ...['--reporter=default', '--reporter=json', `--outputFile.json=${report}`, '--passWithNoTests'],
  ];
  const { file, rest } = tiers.includes('netns')
    ? inTree([process.execPath, ...vitest])
    : { file: process.execPath, rest: vitest };
  const exitCode = await foreground(file, rest, { cwd: ROOT, kill: tiers.includes('netns') });
  const count = readReport(report, exitCode);
  if (count.passed + count.failed === 0 && filters.length === 0) {
    return { passed: 0, failed: 1, failures: [`no test in ${tiers.join(', ')}`] };
  }
  return count;
}

async function test() {
  const { values, positionals } = parseArgs({
    options: { tier: { type: 'string', multiple: true, default: TIERS } },
    allowPositionals: true,
  });
  const unknown = values.tier.filter((tier) => !TIERS.includes(tier));
  if (unknown.length > 0) throw new Error(`unknown tier ${unknown.join(', ')}; there are ${TIERS.join(', ')}`);
  if (!build()) {
    return { passed: 0, failed: 1, failures: ['the build'] };
  }
  const folder = mkdtempSync(join(tmpdir(), 'ambit-test-'));
  try {
    const counts = [];
    const plain = values.tier.filter((tier) => tier !== 'netns');
    if (plain.length > 0) counts.push(await runTiers(plain, positionals, folder));
    if (values.tier.includes('netns')) {
      const missing = missingPrerequisites();
      if (missing.length === 0) {
        counts.push(await runTiers(['netns'], positionals, folder));
      } else {
        console.log(`\nTHE TIER netns DID NOT RUN${strict ? ' (counts as failed)' : ''}:\n${missing.join('\n')}`);
        if (strict) counts.push({ passed: 0, failed: 1, failures: ['the tier netns: was not run'] });
      }
    }
    return sum(counts);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

conclude(
  await test().catch((error) => {
    console.error(error.message);
    return { passed: 0, failed: 1 };
  }),
);
