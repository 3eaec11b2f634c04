/**
 * `npm test`: builds, then runs the three tiers that need no cluster. Arguments are file filters for vitest;
 * `--tier NAME` (repeatable) chooses among unit, integration and netns.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { otelCollector } from './otel-collector.mjs';
import { missingPrerequisites } from './prerequisites.mjs';
import { conclude, sum } from './report.mjs';
import { runTiers, strict } from './vitest-run.mjs';

const TIERS = ['unit', 'integration', 'netns'];

/** Names the collector to those tests that send traces to it; without one they do not run, which the runner says. */
function provideCollector() {
  try {
    process.env.AMBIT_PEER_COLLECTOR ||= otelCollector();
  } catch (error) {
    console.log(String(error));
  }
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
    if (plain.length > 0) counts.push(await runTiers(plain, positionals, { folder }));
    if (values.tier.includes('netns')) {
      const missing = missingPrerequisites();
      if (missing.length === 0) {
        provideCollector();
        counts.push(await runTiers(['netns'], positionals, { folder, tree: true }));
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
