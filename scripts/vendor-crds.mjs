/**
 * `node scripts/vendor-crds.mjs`: rewrites the CustomResourceDefinitions of the chart `base` from the Go modules that publish
 * them, at the versions below, with licence and origin beside them. Needs `go` and a module proxy.
 * One definition per file, its text as published: the chart decides for each alone whether it is already there.
 */
import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './runtime.mjs';

const CRDS = join(ROOT, 'charts/ambit/charts/base/files/crds');

const SOURCES = [
  {
    folder: 'gateway-api',
    module: 'sigs.k8s.io/gateway-api',
    version: 'v1.7.0',
    files: 'config/crd/standard/gateway.networking.k8s.io_*.yaml',
    about: 'standard channel',
  },
  {
    folder: 'istio',
    module: 'istio.io/api',
    version: 'v1.31.1',
    files: 'kubernetes/customresourcedefinitions.gen.yaml',
    about: 'all groups',
  },
];

/** The documents of a file that are definitions, by the name of the definition. */
function definitions(text) {
  const found = [];
  for (const document of text.split(/^---\n/m)) {
    const name = /^ {2}name: (\S+)$/m.exec(document)?.[1];
    if (/^kind: CustomResourceDefinition$/m.test(document) && name !== undefined) found.push({ name, document });
  }
  return found;
}

const rows = [];
for (const { folder, module, version, files, about } of SOURCES) {
  const answer = execFileSync('go', ['mod', 'download', '-json', `${module}@${version}`], {
    cwd: tmpdir(),
    // A module may ask for a newer Go than is installed; it is fetched as a module then.
    env: { ...process.env, GOTOOLCHAIN: 'auto' },
  });
  const { Dir: directory, Sum: sum } = JSON.parse(answer.toString());
  const target = join(CRDS, folder);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  let count = 0;
  for (const file of globSync(files, { cwd: directory }).sort()) {
    for (const { name, document } of definitions(readFileSync(join(directory, file), 'utf8'))) {
      writeFileSync(join(target, `${name}.yaml`), document.trimEnd() + '\n');
      count += 1;
    }
  }
  writeFileSync(join(target, 'LICENSE'), readFileSync(join(directory, 'LICENSE')));
  rows.push(`| \`${folder}/\` | \`${module}\` | ${version} | \`${files}\` (${about}) | ${count} | \`${sum}\` |`);
}

writeFileSync(
  join(CRDS, 'ORIGIN.md'),
  `# Origin of these definitions

Copied without a change from Go modules, one definition per file, by \`scripts/vendor-crds.mjs\`. Licence: Apache-2.0, see
\`LICENSE\` in each folder. The checksum is that of the module, as \`go.sum\` has it.

| Folder | Module | Version | Files | Definitions | Checksum |
|---|---|---|---|---|---|
${rows.join('\n')}

Not copied: the ValidatingAdmissionPolicy of the Gateway API that forbids other channels and older versions of its
definitions. It would bind whoever else installs them.

\`ambit/\` is not copied: it holds the definitions of this project.
`,
);
