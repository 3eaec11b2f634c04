import { realpathSync } from 'node:fs';
import type { Portion } from './component.ts';
import { provenanceOf } from './debian-packages.ts';
import { fileEntry } from './file-entry.ts';
import type { Tool } from './image-list.ts';
import { nativeLibraries } from './native-libraries.ts';
import { findTool } from './tool.ts';

/**
 * Programs of this machine, in /usr/sbin, with those of their libraries that `below`, the layer under it, lacks.
 * Throws `AMBIT_IMAGE_MISSING`, `AMBIT_IMAGE_ELF`, `AMBIT_IMAGE_TOOL`.
 */
export function toolsPortion(tools: readonly Tool[], below: Portion): Portion {
  const programs = tools.map(({ name, debianPackage }) => ({
    name,
    file: realpathSync(findTool(name, debianPackage)),
  }));
  const libraries = nativeLibraries(programs.map(({ file }) => file));
  const owned = provenanceOf(programs.map(({ file }) => file));
  const there = new Set(below.entries.map(({ path }) => path));
  const entries = new Map(
    [
      ...programs.map(({ name, file }) => fileEntry(`usr/sbin/${name}`, file)),
      ...libraries.entries,
      ...owned.entries,
    ].map((entry) => [entry.path, entry]),
  );
  return {
    purpose: `${tools.map(({ name }) => name).join(', ')} and the libraries they load`,
    entries: [...entries.values()].filter(({ path }) => !there.has(path)),
    components: [...owned.components, ...libraries.components],
  };
}
