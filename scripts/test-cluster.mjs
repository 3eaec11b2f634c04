/**
 * `npm run test:cluster`: builds, then runs the tier that needs a cluster: the one that KUBECONFIG names, or the one that
 * runs here, or one that is brought up for it and taken down again. The images of this checkout are loaded into it, unless
 * AMBIT_IMAGES=present says that it has them. Arguments are file filters for vitest.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from './build.mjs';
import { foreground } from './foreground.mjs';
import { conclude } from './report.mjs';
import { ROOT } from './runtime.mjs';
import { runTiers } from './vitest-run.mjs';

const run = (program, ...words) => foreground(process.execPath, [join(ROOT, ...program), ...words]);
const cluster = (...words) => run(['e2e', 'dist', 'cluster', 'main.js'], ...words);

/** Builds the images and makes them known to the cluster's nodes. */
async function loadImages(folder) {
  if (process.env.AMBIT_IMAGES === 'present') return true;
  if ((await run(['images', 'dist', 'main.js'], '--together', '--out', folder)) !== 0) return false;
  return (await cluster('load', join(folder, 'images.tar'))) === 0;
}

async function test() {
  if (!build()) return { passed: 0, failed: 1, failures: ['the build'] };
  const given = (process.env.KUBECONFIG ?? '') !== '';
  if (given) {
    console.log(
      `Testing against KUBECONFIG=${process.env.KUBECONFIG}. NOT RUN: what only a cluster made here can show.`,
    );
  }
  const running = given || (await cluster('status')) === 0;
  if (!running && (await cluster('up')) !== 0) {
    return { passed: 0, failed: 1, failures: ['the tier cluster was not run: no cluster could be brought up'] };
  }
  const folder = mkdtempSync(join(tmpdir(), 'ambit-test-'));
  try {
    if (!(await loadImages(folder))) {
      return { passed: 0, failed: 1, failures: ['the tier cluster was not run: its images could not be loaded'] };
    }
    return await runTiers(['cluster'], process.argv.slice(2), { folder });
  } finally {
    rmSync(folder, { recursive: true, force: true });
    if (!running) await cluster('down');
  }
}

conclude(
  await test().catch((error) => {
    console.error(error.message);
    return { passed: 0, failed: 1 };
  }),
);
