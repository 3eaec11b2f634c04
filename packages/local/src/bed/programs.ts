import { fileURLToPath } from 'node:url';
import { AmbitError } from '@ambit/core/errors';
import { existsSync } from 'node:fs';

/** The programs of the mesh that the bed starts. They run compiled, whatever runs the bed. */
export type MeshProgram = 'istiod-lite' | 'ztunnel';

/** Path of a program's compiled main file. Throws `AMBIT_BED_NOT_BUILT`. */
export function programPath(program: MeshProgram): string {
  // The same number of folders up from src/bed and from dist/bed.
  const path = fileURLToPath(new URL(`../../../${program}/dist/main.js`, import.meta.url));
  if (existsSync(path)) return path;
  throw new AmbitError('AMBIT_BED_NOT_BUILT', `${path} is not there: build the repository first`, {
    source: 'configuration',
  });
}
