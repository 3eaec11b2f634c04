import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, withPath } from '../environment.ts';
import type { Tool } from './part.ts';

/** Where a program comes from on Debian and its like, and what it is needed for. */
const TOOLS: Readonly<Record<Tool, { readonly package: string; readonly purpose: string }>> = {
  gcc: { package: 'gcc libc6-dev', purpose: 'compiles the C parts of runc and the pause program' },
  go: {
    package: 'golang-go',
    purpose: 'compiles Kubernetes, containerd and Helm; 1.21 or newer, which fetches the version it needs by itself',
  },
  ldd: { package: 'libc-bin', purpose: 'finds the libraries of Node.js' },
  'pkg-config': { package: 'pkg-config', purpose: 'tells runc how to link libseccomp' },
  tar: { package: 'tar', purpose: 'packs images' },
};

/** Programs that every start of a cluster needs, by Debian package. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  iproute2: ['ip'],
  mount: ['mount'],
  nftables: ['nft'],
  openssl: ['openssl'],
  'util-linux': ['nsenter', 'setpriv', 'setsid', 'unshare'],
};

/** Whether the PATH of `environment` leads to a program. */
export function isInstalled(program: string, environment: Environment): boolean {
  const path = environment['PATH'] ?? '';
  return path.split(':').some((folder) => folder !== '' && existsSync(join(folder, program)));
}

/** One line for each that is missing. */
export function missingTools(tools: readonly Tool[], environment: Environment): string[] {
  return [...new Set(tools)]
    .filter((tool) => !isInstalled(tool, environment))
    .map((tool) => `${tool} is missing (${TOOLS[tool].purpose}): apt-get install ${TOOLS[tool].package}`);
}

/** One line for each program missing without which no cluster starts. */
export function missingPrograms(environment: Environment): string[] {
  const system = withPath(environment, []);
  return Object.entries(PROGRAMS).flatMap(([from, programs]) =>
    programs
      .filter((program) => !isInstalled(program, system))
      .map((program) => `${program} is missing: apt-get install ${from}`),
  );
}
