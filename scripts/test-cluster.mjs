/**
 * `npm run test:cluster`: builds, then runs the tier that needs a cluster: the one that KUBECONFIG names, or the one that
 * runs here, or one that is brought up for it and taken down again. The images of this checkout are loaded into it, unless
 * AMBIT_IMAGES=present says that it has them. Arguments are file filters for vitest.
 */
import { build } from './build.mjs';
import { conclude } from './report.mjs';
import { runTiers } from './vitest-run.mjs';
import { isGiven, withCluster } from './with-cluster.mjs';

async function test() {
  if (!build()) return { passed: 0, failed: 1, failures: ['the build'] };
  if (isGiven()) {
    console.log(
      `Testing against KUBECONFIG=${process.env.KUBECONFIG}. NOT RUN: what only a cluster made here can show.`,
    );
  }
  return await withCluster('the tier cluster', (folder) => runTiers(['cluster'], process.argv.slice(2), { folder }));
}

conclude(
  await test().catch((error) => {
    console.error(error.message);
    return { passed: 0, failed: 1 };
  }),
);
