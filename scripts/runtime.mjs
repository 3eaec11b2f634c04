/**
 * Which Node runs the project. Plain JavaScript for Node >= 18, without dependencies: it runs before the install.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** The oldest Node that the project runs on: type stripping is stable from here on. */
export const OLDEST = { major: 24, minor: 12 };

/** @typedef {{ path: string, version: string, origin: string }} Runtime */

/** @param {string} version e.g. `26.10.0` */
export function isSupported(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor);
}

/**
 * The version a Node binary reports, undefined when it does not run here (other processor, other C library).
 * @param {string} path
 */
function versionOf(path) {
  const { status, stdout } = spawnSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/** Path of the Node binary that comes with the install, whether it exists or not. */
function bundledPath() {
  const name = `node-${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(join(ROOT, 'package.json')).resolve(`${name}/package.json`)), 'bin', 'node');
  } catch {
    return join(ROOT, 'node_modules', name, 'bin', 'node');
  }
}

/**
 * AMBIT_NODE when set, else the binary that comes with the install, else the Node that runs this script.
 * Throws an Error that says what to do when none is new enough.
 * @returns {Runtime}
 */
export function findRuntime(environment = process.env) {
  const oldest = `${OLDEST.major}.${OLDEST.minor}`;
  const chosen = environment.AMBIT_NODE;
  if (chosen !== undefined && chosen !== '') {
    const path = resolve(chosen);
    const version = versionOf(path);
    if (version === undefined) throw new Error(`AMBIT_NODE=${chosen} does not run here`);
    if (!isSupported(version)) throw new Error(`AMBIT_NODE=${chosen} is Node ${version}; ${oldest} or newer is needed`);
    return { path, version, origin: 'AMBIT_NODE' };
  }
  const bundled = bundledPath();
  if (existsSync(bundled)) {
    const version = versionOf(bundled);
    if (version !== undefined && isSupported(version)) return { path: bundled, version, origin: 'installed with npm' };
  }
  const own = process.versions.node;
  if (isSupported(own)) return { path: process.execPath, version: own, origin: 'system' };
  throw new Error(
    `Node ${oldest} or newer is needed. This one is ${own}, and the binary that comes with the install ` +
      `(optional package node-${process.platform}-${process.arch}) is ${existsSync(bundled) ? 'not able to run here' : 'not installed'}. ` +
      'Run npm ci with optional dependencies, or name a newer Node: AMBIT_NODE=/path/to/node.',
  );
}
