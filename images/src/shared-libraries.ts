import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AmbitError } from '@ambit/core/errors';
import { interpreterOf } from './elf.ts';
import { findTool, outputOf } from './tool.ts';

export interface SharedLibrary {
  /** The name under which the loader looks for it. */
  readonly soname: string;
  /** The file on this machine, links followed. */
  readonly file: string;
}

export interface Linkage {
  /** The program that loads the libraries: its path in the image, and its file on this machine. */
  readonly loader: { readonly path: string; readonly file: string } | undefined;
  /** Without the loader; by soname. */
  readonly libraries: readonly SharedLibrary[];
  /** The folder of the C library, which its loader always searches; undefined for a static program. */
  readonly folder: string | undefined;
}

/** Old C libraries look names up through these, which they open at run time. */
const NAME_SERVICES = ['libnss_files.so.2', 'libnss_dns.so.2'];

/** A library for newer processors only; the one beside it runs everywhere. */
const CAPABILITIES = /\/glibc-hwcaps\/[^/]+\//;

/**
 * What the loader of this machine loads for these ELF files.
 * Throws `AMBIT_IMAGE_MISSING` for a library that is not there, `AMBIT_IMAGE_ELF`, `AMBIT_IMAGE_TOOL`.
 */
export function linkageOf(files: readonly string[]): Linkage {
  const found = new Map<string, string>();
  let loader: Linkage['loader'];
  for (const file of files) {
    const interpreter = interpreterOf(file, readFileSync(file));
    if (interpreter !== undefined) loader ??= { path: interpreter, file: realpathSync(interpreter) };
    for (const [soname, path] of listed(file)) found.set(soname, path);
  }
  const libc = found.get('libc.so.6');
  if (libc === undefined) return { loader, libraries: [], folder: undefined };
  const folder = dirname(libc.replace(CAPABILITIES, '/'));
  for (const name of NAME_SERVICES) if (existsSync(join(folder, name))) found.set(name, join(folder, name));
  return { loader, folder, libraries: [...found].map(([soname, path]) => ({ soname, file: portable(path) })) };
}

/** What `ldd` lists that has a name and a path: soname and path. */
function listed(file: string): [string, string][] {
  // A file without dynamic section is static: ldd says so and ends with 1.
  const text = outputOf(findTool('ldd', 'libc-bin'), [file], { alsoFine: [1] });
  return text.split('\n').flatMap((line): [string, string][] => {
    const [, soname, path] = /^\s*(\S+) => (.+?)(?: \(0x[0-9a-f]+\))?$/.exec(line) ?? [];
    if (soname === undefined || path === undefined) return [];
    if (path !== 'not found') return [[soname, path]];
    throw new AmbitError('AMBIT_IMAGE_MISSING', `${file} needs the library ${soname}, which is not on this machine`, {
      source: 'configuration',
    });
  });
}

function portable(path: string): string {
  const plain = path.replace(CAPABILITIES, '/');
  return realpathSync(existsSync(plain) ? plain : path);
}
