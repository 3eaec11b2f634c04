/** `npm run generate`: rewrites all generated code from its schemas. */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { dropLintComments } from './generated-code.mjs';
import { ROOT } from './runtime.mjs';

const buf = join(ROOT, 'node_modules', '@bufbuild', 'buf', 'bin', 'buf');
const generators = globSync(['packages/*', 'examples/*'], { cwd: ROOT }).flatMap((folder) => {
  const cwd = join(ROOT, folder);
  if (existsSync(join(cwd, 'generate.mjs'))) return [{ cwd, rest: ['generate.mjs'] }];
  if (existsSync(join(cwd, 'buf.gen.yaml'))) return [{ cwd, rest: [buf, 'generate', 'proto'] }];
  return [];
});
const PATH = `${join(ROOT, 'node_modules', '.bin')}:${process.env.PATH ?? ''}`;
for (const { cwd, rest } of generators) {
  const { status } = spawnSync(process.execPath, rest, { cwd, stdio: 'inherit', env: { ...process.env, PATH } });
  if (status !== 0) process.exitCode = 1;
  else dropLintComments(join(cwd, 'src', 'gen'));
}
