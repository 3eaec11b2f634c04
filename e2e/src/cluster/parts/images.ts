import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { goBuild } from './go-part.ts';
import { type ImagePlan, packImage } from './image-archive.ts';
import type { Part } from './part.ts';

/** Holds the namespaces of a pod. */
export const PAUSE_IMAGE = 'cluster.local/pause:1';
export const COREDNS_IMAGE = 'cluster.local/coredns:1';
/** Node.js and its libraries, nothing else: `args` of a test's pod are those of node. */
export const NODE_IMAGE = 'cluster.local/node:1';

const PAUSE: ImagePlan = { tag: PAUSE_IMAGE, entrypoint: ['/pause'] };
const COREDNS: ImagePlan = { tag: COREDNS_IMAGE, entrypoint: ['/coredns'] };
const NODE: ImagePlan = { tag: NODE_IMAGE, entrypoint: ['/usr/bin/node'] };

export const pauseImage: Part = {
  name: 'image-pause',
  sources: 'pause',
  recipe: { PAUSE },
  tools: ['gcc', 'tar'],
  async build(bench) {
    const root = join(bench.scratch, 'root');
    mkdirSync(root);
    await bench.run(['gcc', '-Os', '-static', '-o', join(root, 'pause'), join(bench.sources, 'pause.c')]);
    await packImage(bench, root, PAUSE);
  },
};

/** CoreDNS with the plugins that a cluster's DNS needs: a twentieth of the dependencies of all of them. */
export const corednsImage: Part = {
  name: 'image-coredns',
  sources: 'coredns',
  recipe: { COREDNS },
  tools: ['go', 'tar'],
  async build(bench) {
    const root = join(bench.scratch, 'root');
    mkdirSync(root);
    await goBuild({ ...bench, out: root }, { packages: ['.'], to: 'coredns' });
    await packImage(bench, root, COREDNS);
  },
};

/** `runtime`: path of the Node.js that the tests run with. */
export function nodeImage(runtime: string, version: string): Part {
  return {
    name: 'image-node',
    recipe: { NODE, version, processor: process.arch },
    tools: ['ldd', 'tar'],
    async build(bench) {
      const root = join(bench.scratch, 'root');
      mkdirSync(join(root, 'usr/bin'), { recursive: true });
      copyFileSync(runtime, join(root, 'usr/bin/node'));
      const libraries = await bench.run(['ldd', runtime]);
      for (const [file] of libraries.matchAll(/\/\S+/g)) {
        mkdirSync(join(root, dirname(file)), { recursive: true });
        copyFileSync(file, join(root, file));
      }
      await packImage(bench, root, NODE);
    },
  };
}
