import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AmbitError } from '@ambit/core/errors';
import { PROXY_RUNTIME_ENVIRONMENT, PROXY_RUNTIME_FLAGS } from '@ambit/core/runtime-flags';
import { PEERS_INFORMED_MS } from '@ambit/enrolment/limits';
import type { Image } from './images.ts';

/** The programs of the mesh that the bed starts. They run compiled, whatever runs the bed. */
export type MeshProgram = 'istiod-lite' | 'waypoint' | 'ztunnel';

/** The folder of what is started: those that run on nodes are bundled. */
const FOLDERS: Readonly<Record<MeshProgram, 'bundle' | 'dist'>> = {
  'istiod-lite': 'dist',
  waypoint: 'bundle',
  ztunnel: 'bundle',
};

/** Path of a program's main file as it is shipped. Throws `AMBIT_BED_NOT_BUILT`. */
export function programPath(program: MeshProgram): string {
  // The same number of folders up from src/bed and from dist/bed.
  const path = fileURLToPath(new URL(`../../../${program}/${FOLDERS[program]}/main.js`, import.meta.url));
  if (existsSync(path)) return path;
  throw new AmbitError('AMBIT_BED_NOT_BUILT', `${path} is not there: build the repository first`, {
    source: 'configuration',
  });
}

/** What stands for the images of the mesh that Deployments name; `environment` is set in all of them. */
export function meshImages(environment: Readonly<Record<string, string>>): [string, Image][] {
  const waypoint: Image = {
    directory: '/',
    environment: { ...PROXY_RUNTIME_ENVIRONMENT, MINIMUM_DRAIN_DURATION: `${PEERS_INFORMED_MS}ms`, ...environment },
    // Only who runs a waypoint needs one that is built.
    get command() {
      return [process.execPath, ...PROXY_RUNTIME_FLAGS, programPath('waypoint')];
    },
  };
  return [['ghcr.io/ambit-mesh/waypoint', waypoint]];
}
