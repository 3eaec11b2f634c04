import { basename } from 'node:path';
import { BaseSequencer } from 'vitest/node';

/** Files of the cluster tier: first what wants a cluster without a mesh, then what installs one, and last who takes it away. */
const ORDER = [
  /\/src\/cluster\//,
  /\/src\/kube\//,
  /\/src\/charts\//,
  /\/src\/istiod-lite\//,
  /\/acceptance\/(?!uninstall)/,
];

/** @param {import('vitest/node').TestSpecification} file */
function place({ moduleId }) {
  const found = ORDER.findIndex((pattern) => pattern.test(moduleId));
  return found < 0 ? ORDER.length : found;
}

/** One cluster serves all files of its tier, so that their order is part of what they find: always the same. */
export default class TestOrder extends BaseSequencer {
  /**
   * @override
   * @param {import('vitest/node').TestSpecification[]} files
   */
  async sort(files) {
    if (!files.every(({ project }) => project.name === 'cluster')) return await super.sort(files);
    return files.toSorted((a, b) => place(a) - place(b) || basename(a.moduleId).localeCompare(basename(b.moduleId)));
  }
}
