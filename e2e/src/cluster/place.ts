import { mkdirSync, realpathSync, statfsSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { createHash } from 'node:crypto';
import { AmbitError } from '@ambit/core/errors';
import type { Environment } from './environment.ts';

/** Folders that a node shows from copies of its own: what a cluster needs may not lie below them. */
const SHADOWED = ['/etc', '/opt', '/run', '/var'];

/** statfs(2): containerd's overlays cannot lie on an overlay. */
const OVERLAYFS = 0x794c7630;

/** Where the built parts and all that a running cluster writes lie. */
export interface Place {
  /** Tells clusters on one machine apart. */
  readonly name: string;
  /** Folder of all that follows. */
  readonly root: string;
  /** Built parts, shared by all clusters. */
  readonly parts: string;
  /** Written by a running cluster and gone with it. */
  readonly state: string;
  /** Name of its cgroups, unique on the machine. */
  readonly cgroup: string;
}

/**
 * Reads `AMBIT_CACHE` (default `$XDG_CACHE_HOME/ambit`, then `~/.cache/ambit`) and `AMBIT_CLUSTER` (default `main`), and
 * makes the folder. Throws `AMBIT_CLUSTER_PLACE` when one of them is malformed.
 */
export function placeOf(environment: Environment): Place {
  const name = environment['AMBIT_CLUSTER'] ?? 'main';
  if (!/^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$/.test(name)) {
    throw wrong(`AMBIT_CLUSTER=${JSON.stringify(name)}: must be 1 to 20 small letters, digits and hyphens`);
  }
  const cache = join(cacheFolder(environment), 'cluster');
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  // Namespaces see the folder itself, not the links that lead there.
  const root = realpathSync(cache);
  const state = join(root, 'running', name);
  const digest = createHash('sha256').update(state).digest('hex').slice(0, 8);
  return { name, root, parts: join(root, 'parts'), state, cgroup: `ambit-${name}-${digest}` };
}

/** Throws `AMBIT_CLUSTER_PLACE` when a cluster cannot live there. */
export function requirePlace({ root }: Pick<Place, 'root'>): void {
  const shadow = SHADOWED.find((folder) => root.startsWith(`${folder}/`));
  if (shadow !== undefined) {
    throw wrong(`${root} is below ${shadow}, which every node shows from a copy of its own: set AMBIT_CACHE elsewhere`);
  }
  if (!/^[A-Za-z0-9/._@+-]+$/.test(root)) {
    throw wrong(`${root} has characters that mount options and scripts cannot carry: set AMBIT_CACHE elsewhere`);
  }
  if (statfsSync(root).type === OVERLAYFS) {
    throw wrong(
      `${root} is on an overlay file system (a container's), on which images cannot be unpacked: set AMBIT_CACHE to a folder on a volume`,
    );
  }
}

function cacheFolder(environment: Environment): string {
  const given = environment['AMBIT_CACHE'];
  if (given !== undefined && given !== '') {
    if (!isAbsolute(given)) throw wrong(`AMBIT_CACHE=${given}: must be an absolute path`);
    return given;
  }
  const base = environment['XDG_CACHE_HOME'];
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'ambit');
}

function wrong(problem: string): AmbitError {
  return new AmbitError('AMBIT_CLUSTER_PLACE', problem, { source: 'configuration' });
}
