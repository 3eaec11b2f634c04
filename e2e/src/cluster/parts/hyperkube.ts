import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { goBuild, goModuleVersion } from './go-part.ts';
import type { Part } from './part.ts';

/** Names the program answers to; it then is that program, for those who look processes up by name as well. */
const NAMES = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
  'kubelet',
  'kube-proxy',
];

/** Packages that say which version of Kubernetes this is; a chart's `kubeVersion` is compared with it. */
const VERSION_PACKAGES = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'];

/** Everything of Kubernetes, and etcd, in one program: they share nearly all of their code. */
export const hyperkube: Part = {
  name: 'hyperkube',
  sources: 'hyperkube',
  recipe: { NAMES, VERSION_PACKAGES },
  tools: ['go'],
  async build(bench) {
    const version = await goModuleVersion(bench, 'k8s.io/kubernetes');
    const [, major = '', minor = ''] = /^v([0-9]+)\.([0-9]+)\./.exec(version) ?? [];
    const linkerFlags = VERSION_PACKAGES.flatMap((name) => [
      `-X ${name}.gitVersion=${version}`,
      `-X ${name}.gitMajor=${major}`,
      `-X ${name}.gitMinor=${minor}`,
    ]);
    await goBuild(bench, { packages: ['.'], to: 'hyperkube', linkerFlags });
    for (const name of NAMES) symlinkSync('hyperkube', join(bench.out, name));
  },
};
