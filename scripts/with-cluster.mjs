/** A cluster for whoever needs one: the one that KUBECONFIG names, the one that runs here, or one brought up for it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { foreground } from './foreground.mjs';
import { ROOT } from './runtime.mjs';

/** @param {readonly string[]} program @param {readonly string[]} words */
export const runProgram = (program, ...words) => foreground(process.execPath, [join(ROOT, ...program), ...words]);
const cluster = (...words) => runProgram(['e2e', 'dist', 'cluster', 'main.js'], ...words);

/** Builds the images and makes them known to the cluster's nodes. */
async function loadImages(folder) {
  if (process.env.AMBIT_IMAGES === 'present') return true;
  if ((await runProgram(['images', 'dist', 'main.js'], '--together', '--out', folder)) !== 0) return false;
  return (await cluster('load', join(folder, 'images.tar'))) === 0;
}

/** Whether KUBECONFIG names a cluster. */
export const isGiven = () => (process.env.KUBECONFIG ?? '') !== '';

/**
 * Calls `use` with a folder for what it leaves, when a cluster runs and has the images of this checkout (unless
 * AMBIT_IMAGES=present says that it has them). A cluster that was brought up for it is taken down again.
 * @param {string} what is to be run, for a failure's message
 * @param {(folder: string) => Promise<import('./report.mjs').Count>} use
 * @returns {Promise<import('./report.mjs').Count>}
 */
export async function withCluster(what, use) {
  const running = isGiven() || (await cluster('status')) === 0;
  if (!running && (await cluster('up')) !== 0) {
    return { passed: 0, failed: 1, failures: [`${what} was not run: no cluster could be brought up`] };
  }
  const folder = mkdtempSync(join(tmpdir(), 'ambit-test-'));
  try {
    if (!(await loadImages(folder))) {
      return { passed: 0, failed: 1, failures: [`${what} was not run: its images could not be loaded`] };
    }
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    if (!running) await cluster('down');
  }
}
