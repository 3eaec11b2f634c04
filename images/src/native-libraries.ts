import type { Portion } from './component.ts';
import { provenanceOf } from './debian-packages.ts';
import { fileEntry } from './file-entry.ts';
import { linkageOf } from './shared-libraries.ts';
import type { TarEntry } from './tar.ts';

/**
 * The loader and the libraries that programs need, and whose they are. All libraries stand beside the C library, where the
 * loader looks for them without a cache. Throws `AMBIT_IMAGE_MISSING`, `AMBIT_IMAGE_ELF`, `AMBIT_IMAGE_TOOL`.
 */
export function nativeLibraries(programs: readonly string[]): Pick<Portion, 'entries' | 'components'> {
  const { loader, libraries, folder = '' } = linkageOf(programs);
  const files: TarEntry[] = libraries.map(({ soname, file }) => fileEntry(mergedPath(`${folder}/${soname}`), file));
  if (loader !== undefined) files.push(fileEntry(mergedPath(loader.path), loader.file));
  const owned = provenanceOf([...libraries.map(({ file }) => file), ...(loader === undefined ? [] : [loader.file])]);
  return { entries: [...files, ...owned.entries], components: owned.components };
}

/** The path in an image whose /lib and /lib64 are links to those of /usr. */
function mergedPath(path: string): string {
  return /^\/lib(64)?\//.test(path) ? `usr${path}` : path.slice(1);
}
