/** One run of vitest over some of its projects, counted. */
import { join, relative } from 'node:path';
import { foreground } from './foreground.mjs';
import { inTree } from './namespace-tree.mjs';
import { sum } from './report.mjs';
import { ROOT } from './runtime.mjs';
import { readReport } from './vitest-report.mjs';

/** In continuous integration a test or a tier that did not run counts as failed. */
export const strict = process.env.CI === 'true';

/**
 * What measures time on a machine that does other work as well fails now and then without a cause of its own: continuous
 * integration tries a file of these tiers again, once, when no more than so many have failed, and its report names it.
 */
const TRIED_AGAIN = { tiers: ['netns', 'cluster'], files: 5 };

/** Interoperability is part of these tiers, and needs peers. */
const PEERS = [
  { tiers: ['netns', 'cluster'], variable: 'AMBIT_PEER_ZTUNNEL', peer: 'the stock ztunnel' },
  { tiers: ['netns'], variable: 'AMBIT_PEER_COLLECTOR', peer: 'the OpenTelemetry collector' },
];

function withoutPeers(tiers, filters, count) {
  const missing = PEERS.filter(
    (one) => one.tiers.some((tier) => tiers.includes(tier)) && (process.env[one.variable] ?? '') === '',
  );
  if (filters.length > 0 || missing.length === 0) return count;
  const notRun = missing.map(
    ({ variable, peer }) => `the tests with ${peer}: were not run, because ${variable} does not name one`,
  );
  if (strict) {
    return { ...count, failed: count.failed + notRun.length, failures: [...(count.failures ?? []), ...notRun] };
  }
  for (const line of notRun) console.log(`NOT RUN: ${line}`);
  return count;
}

/** One run; the counts of each file, and of what belongs to none. */
async function runOnce(tiers, filters, { folder, tree }, name) {
  const report = join(folder, `${name}.json`);
  const vitest = [
    ...[join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...filters],
    ...tiers.flatMap((tier) => ['--project', tier]),
    ...['--reporter=default', '--reporter=json', `--outputFile.json=${report}`, '--passWithNoTests'],
  ];
  const { file, rest } = tree ? inTree([process.execPath, ...vitest]) : { file: process.execPath, rest: vitest };
  const exitCode = await foreground(file, rest, { cwd: ROOT, kill: tree });
  return readReport(report, exitCode, { strict });
}

/** What failed at the first run is counted as the second found it; what it said first is kept as unsteady. */
async function triedAgain(first, tiers, options) {
  const again = first.files.filter(({ failed }) => failed > 0);
  const sensible = strict && tiers.every((tier) => TRIED_AGAIN.tiers.includes(tier));
  if (!sensible || again.length === 0 || again.length > TRIED_AGAIN.files) return first;
  const filters = again.map(({ name }) => relative(ROOT, name));
  console.log(`\nTried again: ${filters.join(', ')}`);
  const second = await runOnce(tiers, filters, options, `${tiers.join('-')}-again`);
  const kept = first.files.filter((file) => !again.includes(file));
  const judged = again.map(({ name, failures }) => {
    const found = second.files.find((file) => file.name === name);
    if (found === undefined) return { name, passed: 0, failed: 1, failures, unsteady: [] };
    return found.failed === 0 ? { ...found, unsteady: failures } : found;
  });
  return { files: [...kept, ...judged], rest: sum([first.rest, second.rest]) };
}

/**
 * Runs the tests of `tiers` (projects of vitest.config.ts) whose files match `filters`; `folder` takes the report, `tree`
 * says whether they get namespaces of their own.
 * @param {readonly string[]} tiers
 * @param {readonly string[]} filters
 * @param {{ folder: string, tree?: boolean }} options
 */
export async function runTiers(tiers, filters, { folder, tree = false }) {
  const options = { folder, tree };
  const { files, rest } = await triedAgain(await runOnce(tiers, filters, options, tiers.join('-')), tiers, options);
  const count = withoutPeers(tiers, filters, sum([...files, rest]));
  if (count.passed + count.failed === 0 && filters.length === 0) {
    return { passed: 0, failed: 1, failures: [`no test in ${tiers.join(', ')}`] };
  }
  return count;
}
