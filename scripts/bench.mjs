/** `npm run bench -- l4 ...`: compiles what changed and runs the benchmarks inside one namespace tree. */
import { join } from 'node:path';
import { build } from './build.mjs';
import { foreground } from './foreground.mjs';
import { inTree } from './namespace-tree.mjs';
import { missingPrerequisites } from './prerequisites.mjs';
import { ROOT } from './runtime.mjs';

const missing = missingPrerequisites();
if (missing.length > 0) {
  console.error(missing.join('\n'));
  process.exitCode = 1;
} else if (!build()) {
  console.error('The build failed: see above. Nothing was measured.');
  process.exitCode = 1;
} else {
  const program = join(ROOT, 'bench', 'dist', 'main.js');
  const { file, rest } = inTree([process.execPath, program, ...process.argv.slice(2)]);
  process.exitCode = await foreground(file, rest, { kill: true });
}
