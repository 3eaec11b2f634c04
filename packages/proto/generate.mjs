/**
 * Regenerates src/gen from proto/. Works offline: the schema compiler is the binary inside the npm package of this
 * platform (@bufbuild/buf finds it without an install script), the code generator is @bufbuild/protoc-gen-es.
 * Run with Node 22 or newer: `node packages/proto/generate.mjs`; with `--check` it fails if src/gen is not what
 * the schemas give.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { dropLintComments } from '../../scripts/generated-code.mjs';

const require = createRequire(import.meta.url);
const packageFolder = import.meta.dirname;
const buf = join(dirname(require.resolve('@bufbuild/buf/package.json')), 'bin', 'buf');
const generator = join(dirname(require.resolve('@bufbuild/protoc-gen-es/package.json')), 'bin', 'protoc-gen-es');
const committed = join(packageFolder, 'src', 'gen');

function generateInto(folder) {
  const template = {
    version: 'v2',
    clean: true,
    plugins: [
      {
        local: [process.execPath, generator],
        out: folder,
        opt: ['target=ts', 'erasable_syntax=true', 'import_extension=ts'],
      },
    ],
  };
  execFileSync(process.execPath, [buf, 'generate', 'proto', '--template', JSON.stringify(template)], {
    cwd: packageFolder,
    stdio: 'inherit',
  });
  dropLintComments(folder);
}

function contents(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => `${path.slice(folder.length)}\n${readFileSync(path, 'utf8')}`)
    .join('\n');
}

if (process.argv.includes('--check')) {
  const folder = mkdtempSync(join(tmpdir(), 'ambit-proto-'));
  try {
    generateInto(folder);
    if (contents(folder) !== contents(committed)) {
      console.error(
        'packages/proto/src/gen is not what packages/proto/proto gives: run node packages/proto/generate.mjs',
      );
      process.exitCode = 1;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
} else {
  generateInto(committed);
}
