/** `npm run check`: everything that can be judged without running the product, one verdict per line. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { conclude } from './report.mjs';
import { ROOT } from './runtime.mjs';

const bin = (...parts) => join(ROOT, 'node_modules', ...parts);
const cache = bin('.cache', 'eslint', '/');
const sources = ['packages', 'examples', 'bench', 'e2e', 'images'].filter((folder) => existsSync(join(ROOT, folder)));

/** Two lanes, one per core: the compiler and the typed lint take nearly all of the time. */
const LANES = [
  [
    { name: 'types', file: bin('typescript', 'bin', 'tsc'), rest: ['-b'] },
    { name: 'format', file: bin('@biomejs', 'biome', 'bin', 'biome'), rest: ['format', '--max-diagnostics=200', '.'] },
    {
      name: 'dead code',
      file: bin('knip', 'bin', 'knip.js'),
      rest: ['--no-progress', '--no-config-hints'],
    },
    {
      name: 'layers',
      file: bin('dependency-cruiser', 'bin', 'dependency-cruiser.mjs'),
      rest: ['--config', '.dependency-cruiser.mjs', '--output-type', 'err-long', ...sources],
    },
    { name: 'docs in step', file: join(ROOT, 'scripts', 'docs-in-step.mjs'), rest: [] },
  ],
  [
    {
      name: 'lint',
      file: bin('eslint', 'bin', 'eslint.js'),
      rest: ['--max-warnings=0', '--cache', '--cache-strategy', 'content', '--cache-location', cache, '.'],
    },
  ],
];

/** @returns {Promise<{ name: string, ok: boolean, seconds: number, output: string }>} */
function run({ name, file, rest }) {
  const began = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file, ...rest], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
    const finish = (ok) => resolve({ name, ok, seconds: (performance.now() - began) / 1000, output });
    child.on('error', (error) => {
      output += error.message;
      finish(false);
    });
    child.on('close', (code) => finish(code === 0));
  });
}

async function runLane(lane) {
  const results = [];
  for (const unit of lane) {
    const result = await run(unit);
    if (!result.ok) console.log(result.output.trimEnd());
    console.log(`${result.ok ? 'ok    ' : 'FAILED'} ${result.name} (${result.seconds.toFixed(1)} s)`);
    results.push(result);
  }
  return results;
}

const results = (await Promise.all(LANES.map(runLane))).flat();
const failed = results.filter(({ ok }) => !ok);
conclude({
  passed: results.length - failed.length,
  failed: failed.length,
  failures: failed.map(({ name }) => name),
});
