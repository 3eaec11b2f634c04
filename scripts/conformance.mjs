/**
 * `npm run conformance`: builds, then runs the Gateway API's conformance suite against the mesh on a cluster, as
 * `npm run test:cluster` finds or makes one. The report goes to e2e/reports/. Arguments are further flags of the suite, as
 * `--run-test=MeshBasic`; with any no report is left.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { conclude } from './report.mjs';
import { runProgram, withCluster } from './with-cluster.mjs';

async function test() {
  if (!build()) return { passed: 0, failed: 1, failures: ['the build'] };
  return await withCluster('the conformance suite', async (folder) => {
    const counts = join(folder, 'counts.json');
    const code = await runProgram(['e2e', 'dist', 'conformance', 'main.js'], counts, ...process.argv.slice(2));
    if (code !== 0)
      return { passed: 0, failed: 1, failures: ['the conformance suite did not run to its end: see above'] };
    return JSON.parse(readFileSync(counts, 'utf8'));
  });
}

conclude(
  await test().catch((error) => {
    console.error(error.message);
    return { passed: 0, failed: 1 };
  }),
);
