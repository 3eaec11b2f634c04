/** Compiles every package to its dist folder, only what changed, and bundles the programs that run on nodes. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundle } from './bundle.mjs';
import { ROOT } from './runtime.mjs';

/**
 * True when everything compiled, or what is named in `projects` with what it needs; the compiler's messages go to the error output.
 * @param {...string} projects
 */
export function build(...projects) {
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-b', ...projects], { cwd: ROOT, stdio: ['ignore', 2, 2] });
  return status === 0 && (projects.length > 0 || bundle());
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = build() ? 0 : 1;
