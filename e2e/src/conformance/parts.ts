import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { goBuild, goPart } from '../cluster/parts/go-part.ts';
import { type ImagePlan, packImage } from '../cluster/parts/image-archive.ts';
import type { Part } from '../cluster/parts/part.ts';
import { sourceFile } from '../cluster/parts/store.ts';

/** What the suite's module asks for; fetched as a module where Go is older. */
const TOOLCHAIN = 'go1.27.0';

/** The conformance suite of the Gateway API, at the version in its go.mod: one program, `suite`. */
const suite: Part = goPart('gateway-api-conformance', 'gateway-api-conformance', [
  { of: 'tests', packages: ['.'], to: 'suite', environment: { GOTOOLCHAIN: TOOLCHAIN } },
]);

/** As the manifests of the suite name it, so that pods find it without a registry. */
const ECHO: ImagePlan = {
  tag: 'registry.k8s.io/gateway-api/conformance/echo-advanced:v0.1.0',
  entrypoint: ['/usr/bin/server'],
};

/** The suite's server and client in pods: ours, with the flags and the output of those in the image of that name. */
const echoImage: Part = {
  name: 'image-mesh-echo',
  sources: 'mesh-echo',
  recipe: { ECHO },
  tools: ['go', 'tar'],
  async build(bench) {
    const root = join(bench.scratch, 'root');
    mkdirSync(join(root, 'usr/bin'), { recursive: true });
    await goBuild({ ...bench, out: root }, { packages: ['.'], to: 'usr/bin/server' });
    symlinkSync('server', join(root, 'usr/bin/client'));
    await packImage(bench, root, ECHO);
  },
};

/** Version of the suite, as `v1.7.0`. */
export function suiteVersion(): string {
  const modules = readFileSync(sourceFile('gateway-api-conformance', 'go.mod'), 'utf8');
  const version = /\bsigs\.k8s\.io\/gateway-api\/conformance (v\S+)/.exec(modules)?.[1];
  if (version === undefined) throw new Error('go.mod of the conformance suite names no version of it');
  return version;
}

export const CONFORMANCE_PARTS: readonly Part[] = [suite, echoImage];

/** Where the suite's program and its image lie, given the folders of the parts. */
export function conformanceFiles(folders: Readonly<Record<string, string>>): {
  readonly suite: string;
  readonly images: readonly string[];
} {
  return {
    suite: join(folders[suite.name] ?? '', 'suite'),
    images: [join(folders[echoImage.name] ?? '', 'image.tar')],
  };
}
