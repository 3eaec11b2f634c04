import { join } from 'node:path';
import type { Portion } from './component.ts';
import { fileEntry } from './file-entry.ts';
import { type LockFile, npmComponent } from './lock-file.ts';
import { shippedFiles } from './shipped-files.ts';

/** Packages that the same images need. */
export interface SharedPackages {
  /** Names of the images. */
  readonly images: readonly string[];
  readonly packages: readonly string[];
}

/**
 * Sorts packages by the set of images that need them, so that each set can be a layer which these images share and none
 * carries a package that it does not need. What most images need comes first.
 */
export function sharedPackages(needs: ReadonlyMap<string, readonly string[]>): SharedPackages[] {
  const groups = new Map<string, { images: string[]; packages: string[] }>();
  for (const name of [...new Set([...needs.values()].flat())].toSorted()) {
    const images = [...needs].filter(([, packages]) => packages.includes(name)).map(([image]) => image);
    const group = groups.get(images.join(' ')) ?? { images, packages: [] };
    group.packages.push(name);
    groups.set(images.join(' '), group);
  }
  return [...groups.values()].toSorted(
    (a, b) => b.images.length - a.images.length || (a.images.join(' ') < b.images.join(' ') ? -1 : 1),
  );
}

/** The layer of such packages, at the paths below /ambit that they have below the root. Throws `AMBIT_IMAGE_LOCK`. */
export function dependencyPortion(root: string, lock: LockFile, { images, packages }: SharedPackages): Portion {
  const filled = packages
    .map((folder) => ({ folder, files: shippedFiles(join(root, folder)) }))
    .filter(({ files }) => files.length > 0);
  return {
    purpose: `npm packages of ${images.join(', ')}`,
    entries: filled.flatMap(({ folder, files }) =>
      files.map((file) => fileEntry(`ambit/${folder}/${file}`, join(root, folder, file))),
    ),
    components: filled.map(({ folder }) => npmComponent(root, lock, folder)),
  };
}
