/**
 * `node launch.mjs COMMAND [ARGUMENTS]`: installs what is missing, finds the runtime and runs scripts/COMMAND.mjs with it.
 * Plain JavaScript for Node >= 18, without dependencies: it is the first thing that runs in a fresh clone.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { foreground } from './foreground.mjs';
import { ROOT, findRuntime } from './runtime.mjs';

const COMMANDS = [
  'start',
  'test',
  'test-cluster',
  'conformance',
  'check',
  'bench',
  'build',
  'cluster',
  'generate',
  'images',
];

/** True when node_modules is absent or was made from an older lock file. */
function installIsStale() {
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return true;
  return statSync(installed).mtimeMs < statSync(join(ROOT, 'package-lock.json')).mtimeMs;
}

function install() {
  console.error('Installing the dependencies (npm ci) ...');
  // npm and its Node by path: the Node that runs this may be the one in node_modules, which npm is about to replace.
  const { npm_execpath: cli, npm_node_execpath: node } = process.env;
  const [file = 'npm', ...first] = cli !== undefined && node !== undefined ? [node, cli] : ['npm'];
  // Tools that want a newer Node than the system's get it; npm's warnings about that would only mislead.
  const rest = [...first, 'ci', '--loglevel=error'];
  const { status, error } = spawnSync(file, rest, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (error !== undefined) throw new Error(`npm does not start: ${error.message}`);
  if (status !== 0) throw new Error(`npm ci failed with exit code ${status}`);
}

const [command = '', ...rest] = process.argv.slice(2);
if (!COMMANDS.includes(command)) {
  console.error(`launch.mjs: unknown command ${JSON.stringify(command)}; there are ${COMMANDS.join(', ')}`);
  process.exit(2);
}
try {
  if (installIsStale()) install();
  const runtime = findRuntime();
  process.exitCode = await foreground(runtime.path, [join(ROOT, 'scripts', `${command}.mjs`), ...rest], {
    cwd: ROOT,
    // Tools that start `node` by name get the same one.
    env: { ...process.env, PATH: `${dirname(runtime.path)}${delimiter}${process.env.PATH ?? ''}` },
  });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
