/**
 * `node node24.mjs COMMAND [ARGUMENTS]`: runs a command of launch.mjs on Node 24, the oldest line that is supported.
 * The binary (100 MB) is kept in the user's cache folder, because few need it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './runtime.mjs';

const VERSION = '24.21.0';
const name = `node-${process.platform}-${process.arch}`;
const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'ambit', `node-${VERSION}`);
const binary = join(folder, 'node_modules', name, 'bin', 'node');

if (!existsSync(binary)) {
  mkdirSync(folder, { recursive: true });
  const options = ['--prefix', folder, '--no-save', '--no-package-lock', '--loglevel=error'];
  const { status } = spawnSync('npm', ['install', ...options, `${name}@${VERSION}`], {
    cwd: folder,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) process.exit(1);
}
const { status } = spawnSync(process.execPath, [join(ROOT, 'scripts', 'launch.mjs'), ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, AMBIT_NODE: binary },
});
process.exitCode = status ?? 1;
