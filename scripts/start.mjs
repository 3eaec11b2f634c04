/** `npm start`: compiles what changed and runs the mesh on this machine. Arguments go to packages/local. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { foreground } from './foreground.mjs';
import { missingPrerequisites } from './prerequisites.mjs';
import { ROOT } from './runtime.mjs';

const missing = missingPrerequisites();
const program = join(ROOT, 'packages', 'local', 'dist', 'main.js');
if (missing.length > 0) {
  console.error(missing.join('\n'));
  process.exitCode = 1;
} else if (!build() || !existsSync(program)) {
  console.error(`The build failed: see above. Nothing was started.`);
  process.exitCode = 1;
} else {
  process.exitCode = await foreground(process.execPath, [program, ...process.argv.slice(2)]);
}
