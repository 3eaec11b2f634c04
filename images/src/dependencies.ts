import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { AmbitError } from '@ambit/core/errors';
import { type PackageFile, readPackageFile } from './lock-file.ts';

/** What a program needs to run, by folders relative to the repository's root, sorted. */
export interface Dependencies {
  /** Packages of this repository, with the program's own. */
  readonly workspaces: readonly string[];
  /** Packages from elsewhere, as they are installed, e.g. `node_modules/tsyringe/node_modules/tslib`. */
  readonly packages: readonly string[];
}

/**
 * These packages, by folder, and everything that they depend on in production, however indirectly, found as Node finds it.
 * Optional dependencies count where they are installed. Throws `AMBIT_IMAGE_MISSING`.
 */
export function dependenciesOf(root: string, folders: readonly string[]): Dependencies {
  const found = new Set<string>();
  const open = [...folders];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    if (found.has(folder)) continue;
    found.add(folder);
    const description = readPackageFile(join(root, folder));
    for (const [name, required] of wanted(description)) {
      const there = resolve(root, folder, name);
      if (there !== undefined) open.push(there);
      else if (required) {
        throw new AmbitError(
          'AMBIT_IMAGE_MISSING',
          `${name}, which ${folder} depends on, is not installed: run npm ci`,
          {
            source: 'configuration',
          },
        );
      }
    }
  }
  const all = [...found].toSorted();
  const isPackage = (folder: string): boolean => folder.split('/').includes('node_modules');
  return { workspaces: all.filter((folder) => !isPackage(folder)), packages: all.filter(isPackage) };
}

/** Names, and whether the package does not work without. */
function wanted(description: PackageFile): [string, boolean][] {
  const {
    dependencies = {},
    optionalDependencies = {},
    peerDependencies = {},
    peerDependenciesMeta = {},
  } = description;
  return [
    ...Object.keys(dependencies).map((name): [string, boolean] => [name, optionalDependencies[name] === undefined]),
    ...Object.keys(optionalDependencies).map((name): [string, boolean] => [name, false]),
    ...Object.keys(peerDependencies)
      .filter((name) => peerDependenciesMeta[name]?.optional !== true)
      .map((name): [string, boolean] => [name, true]),
  ];
}

/** The folder of a package as seen from another one, links followed: a package of this repository is linked. */
function resolve(root: string, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(root, folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return relative(realpathSync(root), realpathSync(candidate));
    if (folder === '.') return undefined;
  }
}
