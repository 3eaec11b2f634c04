/** `npm run images`: compiles what changed and builds the container images. Arguments go to images/src/main.ts. */
import { join } from 'node:path';
import { build } from './build.mjs';
import { foreground } from './foreground.mjs';
import { ROOT } from './runtime.mjs';

if (!build()) {
  console.error('The build failed: see above. No image was made.');
  process.exitCode = 1;
} else {
  const program = join(ROOT, 'images', 'dist', 'main.js');
  process.exitCode = await foreground(process.execPath, [program, ...process.argv.slice(2)]);
}
