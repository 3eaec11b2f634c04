import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The linter leaves generated code alone by its folder, so that a comment which switches it off says nothing: drops it. */
export function dropLintComments(folder) {
  for (const path of globSync('**/*.ts', { cwd: folder })) {
    const file = join(folder, path);
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^\/\* eslint-.* \*\/\n/m, ''));
  }
}
